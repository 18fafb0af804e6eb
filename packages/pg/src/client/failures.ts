import { type Condition, conditionOf, RepriseError, surfaced } from '@reprise/core'
import { GaveUp, Refused } from '../link/reconnect.ts'
import { isOurs, unreached } from '../link/unreached.ts'

/**
 * What a caller of connect() is told: the server's own refusal, or why nobody waits any more. Nothing was
 * lost yet, so it has the code and the text of what node-postgres would have said.
 */
export function connectFailure(
  error: unknown,
  server: { readonly host: string; readonly port: number },
): unknown {
  if (error instanceof Refused) return error.cause
  if (!(error instanceof GaveUp)) return error
  const { message: reason, attempts, cause } = error
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: string }
  const failure = surfaced({
    outcome: 'not-sent',
    condition: conditionOf(String(code)) ?? 'sqlclient_unable_to_establish_sqlconnection',
    reason: reason as 'deadline' | 'down' | 'timeout' | 'closed',
    attempts,
    detail: unreached(reason, server, cause),
    told: isOurs(cause) ? undefined : (message ?? expired[reason]),
    cause,
  })
  // ORMs tell a server that is down from a host that is unknown by Node's own code, errno and syscall.
  const own = Object.entries(cause ?? {}).filter(
    ([name]) => !(name in failure) || name === 'code' || name === 'severity',
  )
  return Object.assign(failure, Object.fromEntries(own))
}

/** What pg says of a connect that nobody waits for any more. */
const expired: { readonly [reason: string]: string } = {
  deadline: 'timeout expired',
  timeout: 'timeout expired',
}

/** What pg calls a query that its caller no longer waits for. */
export function queryTimeout(): Error {
  return Object.assign(new Error('Query read timeout'), { outcome: 'not-sent' })
}

/** The client was closed before this was sent. */
export function closed(): Error {
  return surfaced({
    outcome: 'not-sent',
    condition: 'connection_does_not_exist',
    reason: 'closed',
    attempts: 0,
    cause: new Error('Connection terminated'),
  })
}

/** It waited behind the beginning of its transaction, which was lost. */
export function neverOpened(failure: Error): Error {
  return surfaced({
    outcome: 'not-sent',
    condition: failure instanceof RepriseError ? failure.condition : conditionBehind(failure),
    reason: 'unopened',
    attempts: 0,
    cause: failure,
  })
}

/** What else kept a transaction from being opened: somebody has cancelled it. */
function conditionBehind(failure: Error): Condition {
  return conditionOf(String((failure as { code?: unknown }).code)) ?? 'connection_failure'
}

/** As pg says it: a client connects once. */
export function connectedAlready(): Error {
  return new Error('Client has already been connected. You cannot reuse a client.')
}

/** A connection of somebody else's making would be lost with the first loss. */
export function notReplaceable(): Error {
  return new TypeError(
    'The connection of a session cannot be replaced, since it makes new ones: give what they are made of in its configuration, such as stream.',
  )
}
