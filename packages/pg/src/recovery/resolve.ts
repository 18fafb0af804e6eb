import { clock, fullJitter, type Outcome } from '@reprise/core'
import {
  hasCrashed,
  incarnationColumns,
  readIncarnation,
  sameHistory,
} from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { fence } from '../witness/backend.ts'
import { isSameTransaction } from '../witness/same-transaction.ts'
import type { Witness } from '../witness/witness.ts'

/**
 * Asks the server what became of a transaction. The status and the incarnation are read by one
 * statement, so that both are of the same life.
 *
 * - `committed` is believed only in the same incarnation, where an id is never handed out twice, and in
 *   one that began with a clean stop of that, where the id had been handed out by then.
 * - `aborted`, and an id that was never drawn, prove in the same history that no durable commit of
 *   ours exists: one that reached the disk would be seen, whoever else was given the id afterwards.
 * - In another history (that of a copy which was made before among them), on a standby, or when it is
 *   too long ago: in doubt.
 */
export async function resolve(
  witness: Witness,
  ask: Inquiry,
  signal: AbortSignal,
): Promise<Outcome> {
  for (let tries = 1; ; tries++) {
    await fence(witness.backend, ask)
    const { rows, code } = await ask(
      `SELECT pg_catalog.pg_xact_status(CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.xid8)), ${incarnationColumns}`,
      [witness.xid],
    )
    const [row] = rows
    if (code === '22023') return neverDrawn(witness, ask)
    if (row === undefined) return 'in-doubt'
    const now = readIncarnation(row.slice(1))
    if (!sameHistory(witness.backend, now)) return 'in-doubt'
    if (row[0] === 'aborted') return 'rolled-back'
    if (row[0] === 'committed') {
      return (await isSameTransaction(witness, now, ask)) ? 'committed' : 'in-doubt'
    }
    if (row[0] !== 'in progress') return 'in-doubt'
    await clock.pause(5 + fullJitter(tries, { base: 5, cap: 100 }), undefined, { signal })
  }
}

/** The id lies in the future: only a crash that lost it explains that. */
async function neverDrawn(witness: Witness, ask: Inquiry): Promise<Outcome> {
  const { rows } = await ask(`SELECT ${incarnationColumns}`)
  const now = readIncarnation(rows[0] ?? [])
  const lost = sameHistory(witness.backend, now) && hasCrashed(witness.backend.incarnation, now)
  return lost ? 'rolled-back' : 'in-doubt'
}
