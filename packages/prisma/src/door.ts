import {
  Budget,
  currentUnit,
  inParts,
  publish,
  rerun,
  type Settings,
  type Unit,
  withoutCode,
} from '@reprise/core'
import { failedCommit } from './commits.ts'
import { honest, ofPrisma, remind, tellsOutcome, unmasked } from './error.ts'
import {
  commitsInParts,
  endsTransaction,
  type Inside,
  type Operation,
  onlyReads,
} from './operation.ts'

/** Prisma's mark on the client inside an interactive transaction. */
const scope = Symbol.for('prisma.client.transaction.scope_context')

const wroteOutside =
  'A rerunnable() callback wrote through another client than the one it was handed, so it is not run again: write through the transaction client.'

/** What happens between the application and one PrismaClient. */
export class Door {
  readonly #settings: Settings
  readonly #budget: Budget
  readonly #clientVersion: string
  /** By transaction, the loss that ended it. */
  readonly #losses = new WeakMap<Inside, Error>()
  /** By unit that is an array, the place of its last operation. */
  readonly #lastOf = new WeakMap<Unit, number>()
  #advised = false

  constructor(settings: Settings, clientVersion: string) {
    this.#settings = settings
    this.#budget = new Budget(settings.budget)
    this.#clientVersion = clientVersion
  }

  /** One operation; in a transaction, it is only its error that is ours. */
  perform(operation: Operation): Promise<unknown> {
    const { transaction } = operation.__internalParams
    if (transaction !== undefined) return this.#inside(operation, transaction)
    const outer = currentUnit()
    if (outer !== undefined && !onlyReads(operation)) this.#notAgain(outer)
    if (commitsInParts(operation)) {
      const run = (): Promise<unknown> => this.#honestly(() => operation.query(operation.args))
      return this.#told(inParts(run, true))
    }
    return this.#whole(withoutCode, async (unit) => {
      if (outer === undefined) doneOnceAnswered(operation, unit)
      try {
        return await operation.query(operation.args)
      } catch (error) {
        throw unmasked(error, failedCommit(unit), this.#clientVersion)
      }
    })
  }

  /**
   * One transaction, of either form.
   *
   * @param client what `$transaction` was called on
   * @param input a callback, or an array of operations
   */
  transact(client: unknown, input: unknown, run: () => Promise<unknown>): Promise<unknown> {
    // A nested transaction is a savepoint: it lives and dies with the outermost.
    if (isInside(client)) return this.#honestly(run)
    const outer = currentUnit()
    if (outer !== undefined) this.#notAgain(outer)
    if (!Array.isArray(input)) return this.#whole(input, run)
    return this.#whole(withoutCode, (unit) => {
      this.#lastOf.set(unit, input.length - 1)
      return run()
    })
  }

  #whole(callback: unknown, run: (unit: Unit) => PromiseLike<unknown>): Promise<unknown> {
    const honestly = (unit: Unit): Promise<unknown> => this.#honestly(() => run(unit))
    return this.#told(rerun(callback, honestly, this.#settings, this.#budget))
  }

  async #told(whole: Promise<unknown>): Promise<unknown> {
    try {
      return await whole
    } catch (error) {
      throw ofPrisma(error, this.#clientVersion)
    }
  }

  async #inside(operation: Operation, transaction: Inside): Promise<unknown> {
    const unit = currentUnit()
    if (unit !== undefined) {
      if (endsTransaction(operation)) unit.committed = true
      // Prisma may send the COMMIT of a batch in the name of whoever came first in this tick, so the
      // session cannot tell. Answers are handed out after it, but of a failed batch, too: up to the
      // operation that failed.
      const { kind, index } = transaction
      if (kind === 'batch' && index === this.#lastOf.get(unit)) doneOnceAnswered(operation, unit)
    }
    try {
      return await this.#honestly(() => operation.query(operation.args))
    } catch (error) {
      const loss = this.#losses.get(transaction)
      if (loss !== undefined) throw remind(error, loss)
      if (tellsOutcome(error)) this.#losses.set(transaction, error as Error)
      throw error
    }
  }

  async #honestly(run: () => PromiseLike<unknown>): Promise<unknown> {
    try {
      // Prisma's promises are lazy: awaited here, they do their work in the unit.
      return await run()
    } catch (error) {
      throw honest(error, this.#clientVersion)
    }
  }

  #notAgain(unit: Unit): void {
    unit.committed = true
    if (this.#advised) return
    this.#advised = true
    const { poolName, log } = this.#settings
    publish('reprise:advice', { poolName, advice: wroteOutside }, log)
  }
}

/** Outside an interactive transaction, what the engine has answered is committed. */
function doneOnceAnswered(operation: Operation, unit: Unit): void {
  const params = operation.__internalParams
  const { unpacker } = params
  params.unpacker = (data) => {
    unit.committed = true
    return unpacker === undefined ? data : unpacker(data)
  }
}

function isInside(client: unknown): boolean {
  return (client as { [scope]?: unknown } | null | undefined)?.[scope] !== undefined
}
