import type { Reason, Statement } from '@reprise/core'
import type { Exchange } from '../exchange/exchange.ts'
import type { Keeper } from '../keep/keep.ts'
import type { Witness } from '../witness/witness.ts'
import { Pending } from './pending.ts'

/** What a statement costs on the tape beside its text, values and rows, in bytes. */
const perStatement = 256

/**
 * An open transaction: its tape (the statements, each with the raw answer it got), its witness, and
 * what it will have changed in the session once it commits.
 */
export class Transaction {
  /** In order; the first opened the transaction. */
  readonly tape: Exchange[] = []
  readonly pending: Pending
  /** Undefined until a statement carried a witness. */
  witness: Witness | undefined
  /** Whether something ran that may have written, or will at commit, unseen by a witness. */
  unwitnessed = false
  /** Whether a statement in it has left rows, or a definition, as its text says. */
  leftRows = false
  /** Why it cannot be executed again, if it cannot. */
  unreplayable: Reason | undefined
  /**
   * Set when it was lost and could not be mended: no statement runs until the application ends it.
   */
  broken: Error | undefined
  /** Set when it is a replay that kept values, which what comes has to follow. */
  keeper: Keeper | undefined
  readonly #limit: number
  #bytes = 0
  #refusable = true

  /**
   * @param limit the most bytes its tape may take
   * @param pending what its beginning changed already
   */
  constructor(limit: number, pending: Pending = new Pending()) {
    this.#limit = limit
    this.pending = pending
  }

  /**
   * Whether a replay that may only read can show that there was nothing to commit: it can be executed
   * again, and nothing in it could have an effect that the server would not refuse.
   */
  get provable(): boolean {
    return (
      this.unreplayable === undefined && this.#refusable && typeof this.witness?.xid !== 'string'
    )
  }

  /** Bytes left on the tape. */
  get room(): number {
    return this.unreplayable === undefined ? Math.max(0, this.#limit - this.#bytes) : 0
  }

  /** Adds a statement that got its answer. */
  record(exchange: Exchange): void {
    const { witness, statement } = exchange
    if (witness !== undefined) {
      this.witness = witness
      if (witness.xid !== null) this.unwitnessed = false
      else if (!isQuiet(statement)) this.unwitnessed = true
    } else if (exchange.error === undefined && !isQuiet(statement)) this.unwitnessed = true
    this.leftRows ||= exchange.error === undefined && leavesRows.has(statement.kind)
    this.#refusable &&= isRefusable(statement)
    if (lasts(statement)) this.stopTaping('irreversible')
    if (this.unreplayable !== undefined) return
    this.#bytes += perStatement + (exchange.text?.length ?? 0) + exchange.tapedBytes
    for (const value of exchange.values ?? []) {
      this.#bytes += typeof value === 'string' || Buffer.isBuffer(value) ? value.length : 8
    }
    if (exchange.taped === undefined || this.#bytes > this.#limit) this.stopTaping('not-replayable')
    else this.tape.push(exchange)
  }

  /** Gives up replaying this transaction, and the memory that it took. */
  stopTaping(reason: Reason): void {
    this.unreplayable ??= reason
    this.tape.length = 0
    this.#bytes = 0
  }
}

/** What can leave a token beside it without being a read that must not write. */
export const leavesRows: ReadonlySet<string> = new Set(['write', 'definition'])

/**
 * Whether a statement may do something that has no transaction id yet: NOTIFY draws one only while
 * committing (async.c PreCommit_Notify), and a function may hide one. Where a write has none, the catalog
 * is asked whether it wrote elsewhere.
 */
export function mayHide(statement: Statement): boolean {
  return statement.notifies || statement.functions.length > 0
}

/** Whether it keeps an effect when its transaction is rolled back, which a replay would then repeat. */
function lasts({ outward, state }: Statement): boolean {
  return (
    outward || state.some(({ key, effect }) => effect === 'anchor' && key.startsWith('advisory'))
  )
}

/** Whether a READ ONLY transaction would refuse it if it wrote; it was not made to write. */
function isRefusable({ guardable, passing, count }: Statement): boolean {
  return guardable || (count === 1 && passing)
}

/** Whether a statement writes nothing, as far as its text shows. */
function isQuiet(statement: Statement): boolean {
  if (mayHide(statement) || statement.ambiguous) return false
  const { kind } = statement
  return statement.reads || kind === 'transaction' || kind === 'state' || kind === 'cursor'
}
