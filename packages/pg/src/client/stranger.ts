import type { Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Recoverable } from '../recovery/preparation.ts'
import { canFollow } from '../transaction/plan.ts'
import { identify } from '../witness/backend.ts'

/**
 * Whether a statement would leave its locks with a backend that nobody could end: it cannot follow the
 * question who executes it in one write, and is none that takes no locks. In an open transaction several
 * statements in one text go unasked: a SET TRANSACTION or a LOCK among them must come before any query.
 */
export function isStranger(connection: Connection, statement: Statement): boolean {
  const { backend, mark, direct, identifying, status } = connection
  if (backend !== undefined || mark !== undefined || !direct || !identifying) return false
  const { passing, count } = statement
  const alone = count === 1 || (count > 1 && status === 'I')
  return status !== 'E' && alone && !passing && !canFollow(statement)
}

/**
 * Asks who is at the other end before anything else is sent there. It does not fail: the loss does.
 *
 * Where a transaction has one snapshot, LOCK goes unasked: the snapshot is to be taken when the lock is,
 * and any query takes one. SHOW takes none (postgres.c analyze_requires_snapshot).
 */
export async function meet(
  { link, settings, Exchange }: Recoverable,
  connection: Connection,
  { verb }: Statement,
): Promise<void> {
  const deadline = link.waitAtMost(settings.deadline)
  const ask = inquiry(Exchange, connection, deadline.signal)
  const lasting = async (): Promise<boolean> =>
    (await ask('SHOW transaction_isolation')).rows[0]?.[0] !== 'read committed'
  const met = async (): Promise<void> => {
    if (verb === 'LOCK' && connection.status === 'T' && (await lasting())) return
    await identify(connection, ask)
  }
  await met().catch(() => undefined)
  deadline.dispose()
  link.arrived()
}
