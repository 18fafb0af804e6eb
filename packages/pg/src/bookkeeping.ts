import {
  analyze,
  type Evidence,
  endsConnection,
  FailedTransactionError,
  isGenuine,
  RolledBackError,
  type Settings,
  type Statement,
  type TransactionStatus,
} from '@reprise/core'
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { endsTransaction, opensTape, Pending, tagsOf } from './pending.ts'
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

/** COMMIT answered by ROLLBACK: the transaction had failed, and nobody had heeded it. */
export function isUnheededRollback({ statement, before, tag }: Exchange): boolean {
  return statement.commits && before !== 'I' && tag === 'ROLLBACK'
}

/** Whether a statement may have dropped the prepared witness. */
export function forgetsPrepared({ statement }: Exchange): boolean {
  return statement.state.some(
    ({ key, effect }) => effect === 'clear' && (key === '*' || key.startsWith('prepare:')),
  )
}

/** An error of the statement itself is its answer, whatever became of the connection afterwards. */
export function isAnswer({ error }: Exchange): boolean {
  return isGenuine(error) && !endsConnection(error?.code ?? '')
}

/**
 * Whether the server would not answer what the session asked along with a statement: who it is, or
 * which transaction this is. The error has undone the statement, which was answered before the
 * question or not yet reached.
 */
export function isWitnessRefused(exchange: Exchange): boolean {
  const { ownFailed, error, token } = exchange
  // A table of tokens that is not there is the application's to know.
  if (!ownFailed || (token !== undefined && !asksIdentity(exchange))) return false
  return /^(42|0A|55|XX)/.test(error?.code ?? '')
}

function asksIdentity({ identify, backend }: Exchange): boolean {
  return identify && backend === undefined
}

/**
 * Whether a session that wrote was refused a write because its server is a standby now, as the server
 * reports itself, and nothing of the message can have been committed: the session looks for the
 * primary. A READ ONLY transaction of the application's own, or a server that is set to it, is its own
 * plain answer.
 */
export function isDemoted(
  { error, tags, before, statement }: Exchange,
  { standby }: Connection,
  wrote: boolean,
): boolean {
  if (!wrote || standby !== true || error?.code !== '25006' || tags > 0) return false
  return before === 'I' ? statement.count === 1 && !statement.canCommit : !statement.commitsInside
}

/**
 * Whether a message is one plain end of a transaction and nothing else: behind anything more, be it
 * AND CHAIN, what belonged to the old transaction could run outside it.
 */
export function onlyEnds({ count, members, chains, ambiguous }: Statement): boolean {
  const [one] = members
  if (count !== 1 || one === undefined || chains || ambiguous) return false
  return one.control === 'commit' || one.control === 'rollback' || one.control === 'prepare'
}

/** Whether a message may leave a transaction open: what was asked behind it then belongs to that. */
export function mayOpen({ members, ambiguous }: Statement): boolean {
  return (
    ambiguous ||
    members.some(
      ({ control, chains, kind, canCommit }) =>
        control === 'begin' || chains || (kind === 'other' && canCommit),
    )
  )
}

/**
 * What a statement is told whose transaction is lost: as in PostgreSQL, ROLLBACK succeeds, COMMIT and
 * PREPARE TRANSACTION do not, and everything else is refused.
 * @returns undefined for a ROLLBACK
 */
export function answerOfBroken(statement: Statement, broken: Error | undefined): Error | undefined {
  if (!onlyEnds(statement)) return new FailedTransactionError(broken)
  return statement.rollsBack ? undefined : new RolledBackError(broken)
}

/** A COMMIT, or a write in autocommit, can no longer be taken back by running its unit again. */
export function tellUnit({ unit, statement, tag, before }: Exchange): void {
  if (unit === undefined) return
  const { commits, passing, reads } = statement
  if (commits ? tag === 'COMMIT' : before === 'I' && !passing && !reads) unit.committed = true
}

/** Whether a failure says that nothing of the work was kept. */
export function isUndone(failure: Error): boolean {
  const { outcome } = failure as { outcome?: unknown }
  return outcome === 'rolled-back' || outcome === 'not-sent'
}

/** Whether the prepared witness was gone: a pooler had brought another backend, or a function dropped it. */
export function isWitnessForgotten({ ownFailed, error }: Exchange): boolean {
  return ownFailed && error?.code === '26000'
}

/** The evidence of a connection that ended while nothing was in flight. */
export function idleEvidence(connection: Connection): Evidence {
  return {
    submitted: false,
    syncHeld: false,
    witnessPending: false,
    unsent: false,
    simple: false,
    status: connection.status,
    statement: analyze(''),
    tag: undefined,
    tags: 0,
    error: connection.lastWords,
    notice: connection.lastNotice,
    socket: connection.socketCode,
  }
}
