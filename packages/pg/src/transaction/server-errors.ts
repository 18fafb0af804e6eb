import {
  analyze,
  classify,
  type Evidence,
  endsConnection,
  isGenuine,
  isRecoveryConflict,
} from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** Whether a statement may have dropped the prepared witness. */
export function forgetsPrepared({ statement }: Exchange): boolean {
  return statement.state.some(
    ({ key, effect }) => effect === 'clear' && (key === '*' || key.startsWith('prepare:')),
  )
}

/**
 * An error of the statement itself is its answer, whatever became of the connection afterwards; a
 * conflict with recovery is none, since it is what ended the connection. Nor is what may have been raised
 * while the commit was made durable: that crashed the server, and the commit may be found all the same.
 */
export function isAnswer(exchange: Exchange, connection: Connection): boolean {
  const { error } = exchange
  const { standby } = connection.reported
  if (!isGenuine(error)) return false
  if (endsConnection(error?.code ?? '') || isRecoveryConflict(error, standby)) return false
  return classify(exchange.evidence(connection)).outcome === 'rolled-back'
}

/**
 * Whether the server would not answer what the session asked along with a statement: who it is, or
 * which transaction this is. The error has undone the statement, which was answered before the
 * question or not yet reached.
 */
export function isWitnessRefused(exchange: Exchange, { identifying }: Connection): boolean {
  const { ownFailed, error, token } = exchange
  const code = error?.code ?? ''
  if (!ownFailed || !identifying) return false
  // A table of tokens that is not there is the application's to know.
  if (token !== undefined && !asksIdentity(exchange)) return code === '42883'
  return refusesWitness(code)
}

/** Whether an error of a question of the session's own says that it will never be answered. */
export function refusesWitness(code: string): boolean {
  return /^(42|0A|55|XX)/.test(code)
}

/** Whether it was refused behind a statement, by an engine of which nobody knows what that undoes. */
export function isUndoneForSure({ tags, error }: Exchange): boolean {
  return tags === 0 || isGenuine(error)
}

function asksIdentity({ identify, backend }: Exchange): boolean {
  return identify && backend === undefined
}

/** Whether an error has undone all that its message was to do, so that it can be done again. */
function undidAll({ tags, before, statement }: Exchange): boolean {
  if (tags > 0) return false
  return before === 'I' ? statement.count === 1 && !statement.canCommit : !statement.commitsInside
}

/** Whether a standby cancelled a statement that has done nothing yet, because its recovery had to go on. */
export function isCancelledByRecovery(exchange: Exchange, { reported }: Connection): boolean {
  const { error, statement } = exchange
  return isRecoveryConflict(error, reported.standby) && !statement.outward && undidAll(exchange)
}

/**
 * Whether a session that wrote, or wants a server that takes writes, was refused a write because its
 * server is a standby now, as the server reports itself, and nothing of the message can have been
 * committed: the session looks for the primary. A READ ONLY transaction of the application's own, or a server that is set to it, is its own
 * plain answer.
 */
export function isDemoted(
  exchange: Exchange,
  { reported }: Connection,
  writable: boolean,
): boolean {
  if (!writable || reported.standby !== true || exchange.error?.code !== '25006') return false
  return undidAll(exchange)
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
    standby: connection.reported.standby,
    socket: connection.socketCode,
  }
}
