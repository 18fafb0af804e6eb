import type { Inquiry } from '../connection/inquiry.ts'

/** Whether the server process was started less than so many milliseconds ago. */
export async function startedWithin(milliseconds: number, ask: Inquiry): Promise<boolean> {
  const { rows } = await ask(
    `SELECT pg_catalog.pg_postmaster_start_time() > pg_catalog.clock_timestamp() - CAST($1 AS pg_catalog.float8) * interval '1 ms'`,
    [milliseconds],
  )
  return rows[0]?.[0] === 't'
}
