import type { Inquiry } from '../connection/inquiry.ts'

/** Whether the server process was started less than so many milliseconds ago. */
export async function startedWithin(milliseconds: number, ask: Inquiry): Promise<boolean> {
  const { rows } = await ask(
    `SELECT pg_catalog.pg_postmaster_start_time() OPERATOR(pg_catalog.>)
 (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => $1))`,
    [milliseconds / 1000],
  )
  return rows[0]?.[0] === 't'
}
