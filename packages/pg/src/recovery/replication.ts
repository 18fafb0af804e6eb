import type { Statement } from '@reprise/core'
import { questionOf } from '../catalog/question.ts'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import type { Transaction } from '../transaction/transaction.ts'

/**
 * By what this session's commits wait for a standby. Everything but `off` and `local` waits
 * (syncrep.c, syncrep.h SyncRepRequested).
 */
const waits = `SELECT pg_catalog.current_setting('synchronous_standby_names'),
 pg_catalog.current_setting('synchronous_commit')`

/**
 * Whether a function, that of a trigger say, may make a transaction wait otherwise than its session. A
 * body in SQL is not shown, since that locks what it reads: it can set nothing but by set_config().
 */
const unseen =
  questionOf(`SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND (l.lanname NOT IN ('c', 'internal', 'sql', 'plpgsql')
 OR concat(p.proconfig, p.prosrc) ~* 'synchronous_commit|set_config|execute'
 OR p.prosqlbody::text ~ (':funcid ' || 'set_config'::regproc::oid || ' ')))`)

/** A transaction that writes to the log and nowhere else; an ordinary role may do it, since 9.6. */
const commit = (setting: string): string => `BEGIN READ WRITE; ${setting}
 SELECT pg_catalog.pg_logical_emit_message(true, 'reprise', '');
 COMMIT`

/** The level that waits for all that any other waits for. */
const strongest = 'SET LOCAL synchronous_commit = remote_apply;'

/**
 * Whether a transaction, or the statement that was one, may have waited otherwise than its session
 * does: what it ran may have set synchronous_commit for itself (SET LOCAL), or nobody knows what it
 * ran.
 */
export function mayWaitOtherwise(
  statement: Statement,
  transaction: Transaction | undefined,
): boolean {
  if (transaction === undefined) return maySet(statement)
  const { tape } = transaction
  return tape.length === 0 || tape.some((exchange) => maySet(exchange.statement))
}

function maySet({ verb, kind, count, functions, canCommit, ambiguous }: Statement): boolean {
  if (verb === 'EXECUTE') return true
  return kind === 'state' || count !== 1 || functions.length > 0 || canCommit || ambiguous
}

/**
 * Whether what the server says is committed has reached its synchronous standby.
 *
 * `committed`, by a transaction id or a token, means locally: the wait for the standby may have ended
 * with the connection. So a commit of our own is made to wait as well. It comes after the other in
 * the log, so that once it is replicated the other is.
 *
 * @param otherwise whether it may have waited otherwise than its session does: then it is waited for
 *   as long as it can have waited
 * @returns false when this wait was given up, too
 * @throws Interrupted when the connection, or the deadline, ends before the standby has answered
 */
export async function isReplicated(
  connection: Connection,
  ask: Inquiry,
  otherwise: boolean,
): Promise<boolean> {
  const { rows, code } = await ask(waits)
  const [standbys, session] = rows[0] ?? []
  // A server without this setting is no PostgreSQL, and has no standbys of this kind.
  if (code === '42704') return true
  if (code === undefined && standbys === '') return true
  const mayDiffer = otherwise || (await ask(unseen)).rows[0]?.[0] !== 'f'
  if (code === undefined && (session === 'off' || session === 'local') && !mayDiffer) return true
  connection.replicationGivenUp = false
  const made = await ask(commit(mayDiffer ? strongest : ''))
  return made.code === undefined && !connection.replicationGivenUp
}
