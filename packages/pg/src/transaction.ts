import type { Reason, StateChange, Statement } from '@reprise/core'
import type { Exchange } from './exchange.ts'
import type { Keeper } from './keep.ts'
import type { Witness } from './witness.ts'

/** What a statement costs on the tape beside its text, values and rows, in bytes. */
const perStatement = 256

/** A change of the session's state, and the values of the statement that makes it. */
export interface PendingState {
  readonly values: readonly unknown[] | undefined
  readonly changes: readonly StateChange[]
}

/**
 * An open transaction: its tape (the statements, each with the raw answer it got), its witness, and
 * what it will have changed in the session once it commits.
 */
export class Transaction {
  /** In order; the first opened the transaction. */
  readonly tape: Exchange[] = []
  readonly pending: PendingState[] = []
  /** Undefined until a statement carried a witness. */
  witness: Witness | undefined
  /** Whether something ran that may have written, or will at commit, unseen by a witness. */
  unwitnessed = false
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

  /** @param limit the most bytes its tape may take */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes left on the tape. */
  get room(): number {
    return this.unreplayable === undefined ? Math.max(0, this.#limit - this.#bytes) : 0
  }

  /** Whether nothing was written, as far as statements show. */
  get wroteNothing(): boolean {
    return !this.unwitnessed && (this.witness === undefined || this.witness.xid === null)
  }

  /** Adds a statement that got its answer. */
  record(exchange: Exchange): void {
    const { witness, statement } = exchange
    if (witness !== undefined) {
      this.witness = witness
      if (witness.xid !== null) this.unwitnessed = false
      else if (mayHide(statement)) this.unwitnessed = true
    } else if (exchange.error === undefined && !isQuiet(statement)) this.unwitnessed = true
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

/**
 * Whether a statement may do something that has no transaction id yet: NOTIFY draws one only while
 * committing (async.c PreCommit_Notify), and a function may hide one.
 */
export function mayHide(statement: Statement): boolean {
  return statement.notifies || statement.functions.length > 0
}

/** Whether a statement writes nothing, as far as its text shows. */
function isQuiet(statement: Statement): boolean {
  if (mayHide(statement) || statement.ambiguous) return false
  const { kind } = statement
  return statement.reads || kind === 'transaction' || kind === 'state' || kind === 'cursor'
}
