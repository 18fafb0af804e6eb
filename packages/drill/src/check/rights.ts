import { Server } from '../server.ts'
import type { Finding } from './finding.ts'

/** What a session calls, and what it cannot do without it. */
const called: readonly (readonly [signature: string, without: string])[] = [
  ['pg_control_system()', 'a commit whose answer is lost stays in doubt'],
  ['pg_current_wal_lsn()', 'a commit whose answer is lost stays in doubt'],
  ['pg_control_checkpoint()', 'a commit whose answer is lost in a restart stays in doubt'],
  ['pg_xact_status(xid8)', 'a commit whose answer is lost stays in doubt'],
]

interface Right {
  readonly signature: string
  readonly allowed: boolean
  readonly role: string
}

/** Whether the role may ask the server what a session asks it. */
export async function rightsFindings(server: Server): Promise<Finding[]> {
  const rights = await server.rows<Right>(
    `SELECT signature, current_user AS role,
       pg_catalog.has_function_privilege('pg_catalog.' || signature, 'EXECUTE') AS allowed
     FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS f (signature, n) ORDER BY n`,
    [called.map(([signature]) => signature)],
  )
  const denied = rights.filter(({ allowed }) => !allowed)
  if (denied.length === 0) {
    return [{ what: 'commits', verdict: 'ok', says: 'the server may be asked what became of one.' }]
  }
  return denied.map(({ signature, role }) => ({
    what: 'commits',
    verdict: 'bad',
    says: `this role may not execute ${signature}, so ${new Map(called).get(signature)}.`,
    fix: `GRANT EXECUTE ON FUNCTION pg_catalog.${signature} TO "${role}"; or a token table.`,
  }))
}

/**
 * Whether a session can end a backend of its own that it lost: done, with a connection of the drill's
 * own, unless a pooler stands between, whose connections are other people's as well.
 */
export async function terminationFinding(
  server: Server,
  url: string,
  between: boolean,
): Promise<Finding> {
  const what = 'fencing'
  const fine: Finding = { what, verdict: 'ok', says: 'a backend of its own role can be ended.' }
  const [right] = await server.rows<{ allowed: boolean; role: string }>(
    `SELECT pg_catalog.has_function_privilege('pg_catalog.pg_terminate_backend(integer, bigint)',
       'EXECUTE') AS allowed, current_user AS role`,
  )
  const ended = right?.allowed === true && (between || (await endsOwn(server, url)))
  if (ended) return fine
  return {
    what,
    verdict: 'bad',
    says: 'a backend of its own role cannot be ended, so a connection that was lost without a word may hold its locks until TCP gives it up.',
    fix: `GRANT EXECUTE ON FUNCTION pg_catalog.pg_terminate_backend(integer, bigint) TO "${right?.role}";`,
  }
}

async function endsOwn(server: Server, url: string): Promise<boolean> {
  const victim = new Server(url)
  try {
    const [row] = await victim.rows<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid')
    const text = 'SELECT pg_catalog.pg_terminate_backend($1, 5000) AS done'
    const [done] = await server.rows<{ done: boolean }>(text, [row?.pid])
    return done?.done === true
  } catch {
    return false
  } finally {
    await victim.end()
  }
}
