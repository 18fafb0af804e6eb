import { Server } from '../server.ts'
import type { Finding } from './finding.ts'

/** Whether somebody stands between, and what is said of it. */
export interface Between {
  readonly between: boolean
  readonly finding: Finding
}

/** Where no transaction may be begun. */
const statementMode: Finding = {
  what: 'pooler',
  verdict: 'bad',
  says: 'one that takes no transactions, as in statement mode.',
  fix: 'set its pool_mode to transaction or session.',
}

const pidQuery = 'SELECT pg_catalog.pg_backend_pid() AS pid'

/**
 * Looks for a pooler: one has process ids of its own to tell at the start, where PostgreSQL tells the
 * backend's. In transaction mode two clients that do not overlap share a backend; in session mode none
 * ever do.
 */
export async function poolerFinding(server: Server, url: string): Promise<Between> {
  const what = 'pooler'
  const pid = await pidOf(server)
  const { processID } = (await server.client()) as unknown as { processID: number | null }
  if (processID === pid) {
    const finding: Finding = { what, verdict: 'ok', says: 'none: this is the server itself.' }
    return { between: false, finding }
  }
  const other = new Server(url)
  let shared = false
  try {
    await other.rows('BEGIN')
    const theirs = await pidOf(other)
    shared = theirs === pid || (await pidOf(server)) !== pid
    await other.rows('ROLLBACK')
  } catch {
    return { between: true, finding: statementMode }
  } finally {
    await other.end()
  }
  const finding: Finding = shared
    ? {
        what,
        verdict: 'note',
        says: 'one in transaction mode: SET, LISTEN, session locks and temporary tables do not keep to their client there, with or without Reprise.',
        fix: 'use SET LOCAL and pg_advisory_xact_lock, and a session-mode port for LISTEN.',
      }
    : { what, verdict: 'ok', says: 'one in session mode.' }
  return { between: true, finding }
}

async function pidOf(server: Server): Promise<number | undefined> {
  const [row] = await server.rows<{ pid: number }>(pidQuery)
  return row?.pid
}
