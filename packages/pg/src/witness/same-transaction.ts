import {
  type Incarnation,
  postmasterColumn,
  sameHistory,
  sameIncarnation,
} from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import type { Witness } from './witness.ts'

/**
 * Asks which transaction id was the next when the server was started: that of the checkpoint with which
 * it was stopped, as long as there was no other. Only such a one has nothing written behind its redo.
 */
const firstId = `SELECT ${postmasterColumn}, CASE WHEN redo_lsn OPERATOR(pg_catalog.=) checkpoint_lsn
 AND checkpoint_time OPERATOR(pg_catalog.<=) pg_catalog.pg_postmaster_start_time() THEN next_xid END
 FROM pg_catalog.pg_control_checkpoint()`

/**
 * Whether an id still stands for the transaction that drew it. Within one life of a server no id is
 * handed out twice. After a clean stop neither, but what was started may be a copy of its data from
 * before, which hands out again what was drawn since: so the id must have been drawn by then.
 *
 * @param now which life it is in which the id is looked up
 * @throws Interrupted when the connection ends
 */
export async function isSameTransaction(
  { backend, xid }: Witness,
  now: Incarnation,
  ask: Inquiry,
): Promise<boolean> {
  if (!sameHistory(backend, now)) return false
  const { incarnation: then } = backend
  if (sameIncarnation(then, now)) return true
  if (xid === null || !sameIncarnation({ ...then, postmaster: now.postmaster }, now)) return false
  const { rows } = await ask(firstId)
  const [postmaster, next] = rows[0] ?? []
  const first = idOf(next)
  return postmaster === now.postmaster && first !== undefined && BigInt(xid) < first
}

/** An epoch and 32 bits (xlogfuncs.c pg_control_checkpoint). */
function idOf(text: unknown): bigint | undefined {
  const [, epoch, id] = /^(\d+):(\d+)$/.exec(String(text)) ?? []
  if (epoch === undefined || id === undefined) return undefined
  return (BigInt(epoch) << 32n) | BigInt(id)
}
