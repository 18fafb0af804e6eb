import type { Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { ReportMessage } from '../connection/wire.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Recoverable } from '../recovery/preparation.ts'
import { canFollow } from '../transaction/plan.ts'
import { identify } from '../witness/backend.ts'
import type { Delivery } from './delivery.ts'

/** What the first statement of a text is when it has to come before no other. */
const free: ReadonlySet<string> = new Set(['read', 'write', 'copy', 'procedure', 'definition'])

/**
 * Whether work would leave its locks with a backend that nobody could end: nobody knows who is at the other
 * end, and the question cannot go in one write with the work.
 *
 * In an open transaction a text that begins with a setting goes unasked, since a SET TRANSACTION or a LOCK
 * in it may have to come before any query. A transaction that says that it has one snapshot is asked about
 * before its BEGIN.
 *
 * @param drives whether it is a cursor or its like, which writes its frames itself
 */
export function isStranger(
  { backend, mark, direct, identifying, status }: Connection,
  statement: Statement,
  text: string | undefined,
  drives: boolean,
): boolean {
  if (backend !== undefined || mark !== undefined || !direct || !identifying) return false
  const { passing, begins, members } = statement
  if (begins) return status === 'I' && /\b(serializable|repeatable)\b/i.test(text ?? '')
  if (passing || status === 'E' || (!drives && canFollow(statement))) return false
  return status === 'I' || (members.length > 0 && free.has(members[0]?.kind ?? ''))
}

/**
 * Asks who is at the other end before anything else is sent there. It does not fail: the loss does.
 *
 * Where a transaction has one snapshot, LOCK goes unasked: the snapshot is to be taken when the lock is,
 * and any query takes one. SHOW takes none (postgres.c analyze_requires_snapshot).
 *
 * @returns the error by which somebody has cancelled the question: what he meant is the work behind it
 */
export async function meet(
  { link, settings, Exchange, delivery }: Recoverable & { readonly delivery: Delivery },
  connection: Connection,
  { verb }: Statement,
): Promise<ReportMessage | undefined> {
  const deadline = link.waitAtMost(settings.deadline)
  const ask = inquiry(Exchange, connection, deadline.signal)
  const open = connection.status === 'T'
  let code: string | undefined
  try {
    const snapshot = open && verb === 'LOCK' ? await ask('SHOW transaction_isolation') : undefined
    if (snapshot === undefined || snapshot.rows[0]?.[0] === 'read committed') {
      await identify(connection, async (text) => {
        // What a timeout of the role's own ends is nobody's wish.
        const answer = await ask(open ? text : `SET LOCAL statement_timeout = 0;\n${text}`)
        code = answer.code
        return answer
      })
    }
  } catch {
    code = undefined
  }
  deadline.dispose()
  link.arrived()
  if (code === '57014') return connection.errorFrame
  if (code !== undefined) delivery.refuseIdentity(connection, code)
  return undefined
}
