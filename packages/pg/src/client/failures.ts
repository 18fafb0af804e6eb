import { conditionOf, RepriseError, surfaced } from '@reprise/core'
import { GaveUp, Refused } from '../link/reconnect.ts'
import { unreached } from '../link/unreached.ts'

/** What a caller of connect() is told: the server's own refusal, or why nobody waits any more. */
export function connectFailure(
  error: unknown,
  server: { readonly host: string; readonly port: number },
): unknown {
  if (error instanceof Refused) return error.cause
  if (!(error instanceof GaveUp)) return error
  const code = (error.cause as { code?: unknown } | undefined)?.code
  const failure = surfaced({
    outcome: 'not-sent',
    condition: conditionOf(String(code)) ?? 'sqlclient_unable_to_establish_sqlconnection',
    reason: error.message as 'deadline' | 'down' | 'timeout' | 'closed',
    attempts: error.attempts,
    detail: unreached(error.message, server, error.cause),
    cause: error.cause,
  })
  // ORMs tell a server that is down from a host that is unknown by Node's own code.
  return typeof code === 'string' ? Object.assign(failure, { code }) : failure
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
    condition: failure instanceof RepriseError ? failure.condition : 'connection_failure',
    reason: 'unopened',
    attempts: 0,
    cause: failure,
  })
}

/** As pg says it: a client connects once. */
export function connectedAlready(): Error {
  return new Error('Client has already been connected. You cannot reuse a client.')
}
