import type { DrillOrder } from './arguments.ts'
import type { Server } from './server.ts'

/** What a backend was doing when it was seen. */
export type Doing = 'in-transaction' | 'in-commit' | 'idle' | 'active' | 'unknown'

/** A backend that may be hit. */
export interface Target {
  readonly pid: number
  readonly role: string
  readonly doing: Doing
}

/** As a target, and whether the signal was sent. */
export interface Hit extends Target {
  readonly done: boolean
}

/**
 * What a backend is doing. Its state is shown to its own role and to members of pg_read_all_stats; to
 * others it is null.
 */
const doing = `CASE
  WHEN a.state IS NULL THEN 'unknown'
  WHEN a.state = 'active' AND a.query ~* '^\\s*(commit|end)\\M' THEN 'in-commit'
  WHEN a.state LIKE 'idle in transaction%' OR (a.state = 'active' AND a.xact_start < a.query_start)
    THEN 'in-transaction'
  WHEN a.state = 'active' THEN 'active'
  ELSE 'idle' END`

/**
 * The backends of one application in this database: never ourselves, never a superuser's, never one
 * that replicates. A backend whose type is not shown to us is a client's if it is no WAL sender, since
 * it has a role and a database.
 */
const targets = `SELECT a.pid, r.rolname AS role, ${doing} AS doing, r.oid AS roleid
FROM pg_catalog.pg_stat_activity a
JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
WHERE a.application_name = $1
  AND a.datname = pg_catalog.current_database()
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND NOT r.rolsuper AND NOT r.rolreplication
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication s WHERE s.pid = a.pid)`

/** The backends there are now. */
export function targetsOf(server: Server, applicationName: string): Promise<Target[]> {
  return server.rows<Target>(`SELECT pid, role, doing FROM (${targets}) t ORDER BY pid`, [
    applicationName,
  ])
}

/**
 * Signals up to so many of them, whichever the server comes upon first. They are looked for and hit in
 * one statement, so that none is hit that has become another's meanwhile.
 */
export function hit(server: Server, order: DrillOrder, atMost: number): Promise<Hit[]> {
  const signal = order.signal === 'cancel' ? 'pg_cancel_backend' : 'pg_terminate_backend'
  return server.rows<Hit>(
    `WITH chosen AS MATERIALIZED (
       SELECT pid, role, doing FROM (${targets}) t
       WHERE doing = ANY ($2::text[]) ORDER BY pg_catalog.random() LIMIT $3)
     SELECT pid, role, doing, pg_catalog.${signal}(pid) AS done FROM chosen`,
    [order.applicationName, heeded(order), atMost],
  )
}

/** What a backend has to be doing to be hit. To cancel what is not executed has no effect. */
export function heeded({ only, signal }: Pick<DrillOrder, 'only' | 'signal'>): Doing[] {
  if (only === 'in-transaction') return ['in-transaction', 'in-commit']
  if (only !== undefined) return [only]
  const busy: Doing[] = ['in-transaction', 'in-commit', 'active', 'unknown']
  return signal === 'cancel' ? busy : [...busy, 'idle']
}

/** The roles of an application whose backends we may not signal. */
export async function untouchable(server: Server, applicationName: string): Promise<string[]> {
  const rows = await server.rows<{ role: string }>(
    `SELECT DISTINCT role FROM (${targets}) t
     WHERE NOT pg_catalog.pg_has_role(current_user, roleid, 'USAGE')
       AND NOT pg_catalog.pg_has_role(current_user, 'pg_signal_backend', 'USAGE') ORDER BY role`,
    [applicationName],
  )
  return rows.map(({ role }) => role)
}

/** Those that bear the name and are spared: superusers', and who replicates. */
export async function spared(server: Server, applicationName: string): Promise<number> {
  const [row] = await server.rows<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_catalog.pg_stat_activity
     WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid()
       AND pid NOT IN (SELECT pid FROM (${targets}) t)`,
    [applicationName],
  )
  return row?.n ?? 0
}

/** The names that applications have in this database. */
export async function namesThere(server: Server): Promise<string[]> {
  const rows = await server.rows<{ name: string }>(
    `SELECT DISTINCT application_name AS name FROM pg_catalog.pg_stat_activity
     WHERE datname = pg_catalog.current_database() AND application_name <> ''
       AND pid <> pg_catalog.pg_backend_pid() ORDER BY name`,
  )
  return rows.map(({ name }) => name)
}
