import type { PgClient, PgQuery, Submittable } from './wire.ts'

/**
 * Gives a query its client's binary mode and type parsers, as pg.Client.query does, which somebody may
 * have wrapped for the sake of the application.
 */
export function typed(query: PgQuery | Submittable, client: PgClient): void {
  const sent = query as Partial<PgQuery>
  if (client.binary && !sent.binary) sent.binary = true
  if (sent._result && !sent._result._types) sent._result._types = client._types
}
