import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'

/**
 * Whether this session's commits wait for a standby. Everything but `off` and `local` waits
 * (syncrep.c, syncrep.h SyncRepRequested).
 */
const waits = `SELECT pg_catalog.current_setting('synchronous_standby_names') <> ''
 AND pg_catalog.current_setting('synchronous_commit') NOT IN ('off', 'local')`

/** A transaction that writes to the log and nowhere else; an ordinary role may do it, since 9.6. */
const commit = `BEGIN READ WRITE;
 SELECT pg_catalog.pg_logical_emit_message(true, 'reprise', '');
 COMMIT`

/**
 * Whether what the server says is committed has reached its synchronous standby.
 *
 * `committed`, by a transaction id or a token, means locally: the wait for the standby may have ended
 * with the connection. So a commit of our own is made to wait as well. It comes after the other in
 * the log, so that once it is replicated the other is.
 *
 * @returns false when this wait was given up, too
 * @throws Interrupted when the connection, or the deadline, ends before the standby has answered
 */
export async function isReplicated(connection: Connection, ask: Inquiry): Promise<boolean> {
  const { rows, code } = await ask(waits)
  if (code === undefined && rows[0]?.[0] === 'f') return true
  connection.replicationGivenUp = false
  const made = await ask(commit)
  return made.code === undefined && !connection.replicationGivenUp
}
