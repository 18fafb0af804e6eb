import type { FromSession } from '@reprise/core'
import type { PgClient } from './wire.ts'

/** Whose events these are: a session, by where its client leads. */
export function sessionOf(
  { host, port, database, connectionParameters: parameters }: PgClient,
  session: number,
  poolName: string | undefined,
): FromSession {
  const applicationName = parameters.application_name || parameters.fallback_application_name
  return {
    session,
    host,
    port,
    database,
    applicationName: applicationName || undefined,
    poolName,
  }
}
