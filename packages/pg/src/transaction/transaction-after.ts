import { keptIn, type Settings, type Statement, type TransactionStatus } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { endsTransaction, leavesNothing, opensTape, Pending, tagsOf } from './pending.ts'
import type { SessionState } from './state.ts'
import { Transaction } from './transaction.ts'

/**
 * The transaction that is open after an exchange has its answer. Follows tags and ReadyForQuery, not
 * the words of the statement; what stays of what it did to the session goes into its state.
 */
export function transactionAfter(
  exchange: Exchange,
  connection: Connection,
  open: Transaction | undefined,
  state: SessionState,
  settings: Settings,
): Transaction | undefined {
  const { statement, before, error, values, taped, tag } = exchange
  const after = statusAfter(exchange, connection)
  // The hot path: outside a transaction most statements leave nothing to note.
  if (after === 'I' && open === undefined && leavesNothing(statement)) return undefined
  const failed = error !== undefined
  const row = taped?.[0]
  const answered = { statement, tags: tagsOf(tag), before, after, failed, values, row }
  const pending = open?.pending ?? new Pending()
  pending.follow(answered, state)
  if (after === 'I') return undefined
  if (open !== undefined && !endsTransaction(answered)) {
    open.record(exchange)
    return open
  }
  if (open !== undefined || !opensTape(answered)) return opaque(settings, pending)
  const opened = new Transaction(settings.maxTapeBytes, pending)
  opened.record(exchange)
  return opened
}

/** A transaction of which nobody saw the beginning: it can be neither replayed nor proved. */
export function opaque(settings: Settings, pending: Pending): Transaction {
  const transaction = new Transaction(settings.maxTapeBytes, pending)
  transaction.unwitnessed = true
  transaction.stopTaping('not-replayable')
  return transaction
}

/** Where there was no ReadyForQuery, the transaction is as the statement must have left it. */
function statusAfter(exchange: Exchange, connection: Connection): TransactionStatus {
  if (exchange.ending === 'ready') return connection.status
  const { commits, rollsBack, chains } = exchange.statement
  if (chains) return exchange.before
  return commits || rollsBack ? 'I' : exchange.before
}

/** Whether something may be kept of a statement: all but what executes nothing, and commits nothing. */
export function mayBeKept({ passing, commits }: Statement): boolean {
  return !passing || commits
}

/**
 * A COMMIT, or a write in autocommit, can no longer be taken back by running its unit again.
 * @param postgres whether the server tells transaction ids
 */
export function tellUnit(exchange: Exchange, postgres = true): void {
  const { unit, statement, tag, before } = exchange
  if (unit === undefined) return
  const { commits, commitsInside } = statement
  const kept = before === 'I' ? hasKept(exchange, postgres) : commitsInside
  if (commits ? tag === 'COMMIT' : kept) keptIn(unit)
}

/**
 * Whether a statement may have left something outside a transaction. What a function does that is not known
 * to be harmless may be a write, unless all that it leaves goes with the session. What else reads may
 * reach a write that its text does not show (by a view, a policy, an operator): whether it did, its
 * transaction id tells, and where it could not be asked for, nobody. It is asked for where code of the
 * application's runs.
 */
function hasKept({ statement, witness, guarded, unit }: Exchange, postgres: boolean): boolean {
  const { passing, reads, outlasts } = statement
  if (passing) return false
  if (!reads || outlasts) return true
  if (guarded || !unit?.code) return false
  return witness === undefined ? postgres : witness.xid !== null
}
