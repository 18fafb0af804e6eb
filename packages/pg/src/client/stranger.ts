import type { Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Recoverable } from '../recovery/preparation.ts'
import { canFollow } from '../transaction/plan.ts'
import { identify } from '../witness/backend.ts'

/**
 * Whether a statement would leave its locks with a backend that nobody could end: it cannot follow the
 * question who executes it in one write, and is none that takes no locks. LOCK is let go unasked: behind
 * any query a transaction may have its snapshot, which is to be taken when the lock is.
 */
export function isStranger(connection: Connection, statement: Statement): boolean {
  const { backend, mark, direct, identifying, status } = connection
  if (backend !== undefined || mark !== undefined || !direct || !identifying) return false
  const { passing, count, verb } = statement
  return status !== 'E' && count > 0 && !passing && verb !== 'LOCK' && !canFollow(statement)
}

/** Asks who is at the other end before anything else is sent there. It does not fail: the loss does. */
export async function meet(
  { link, settings, Exchange }: Recoverable,
  connection: Connection,
): Promise<void> {
  const deadline = link.waitAtMost(settings.deadline)
  const ask = inquiry(Exchange, connection, deadline.signal)
  await identify(connection, ask).catch(() => undefined)
  deadline.dispose()
  link.arrived()
}
