import type { PgClient, PgQuery, Submittable } from './wire.ts'

/**
 * Gives a query of the application's its client's binary mode and type parsers, as pg.Client.query does,
 * which somebody may have wrapped for its sake. The session's own questions get neither: they read text,
 * and a parser that knows no type of PostgreSQL's own may throw at their answers.
 */
export function typed(query: PgQuery | Submittable, client: PgClient): void {
  const sent = query as Partial<PgQuery>
  if (client.binary && !sent.binary) sent.binary = true
  if (sent._result && !sent._result._types) sent._result._types = client._types
}
