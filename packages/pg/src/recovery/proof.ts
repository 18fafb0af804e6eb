import type { Settings } from '@reprise/core'
import type { Reach } from '../catalog/reach.ts'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { inquiry, send } from '../exchange/ask.ts'
import type { Exchange, ExchangeClass } from '../exchange/exchange.ts'
import { planWitness } from '../transaction/plan.ts'
import type { Transaction } from '../transaction/transaction.ts'

/**
 * Whether statements of which the texts say that they only read reach what can write: a function, an
 * operator, a cast, a policy or a view of the database's own. READ ONLY alone does not keep them from
 * it: it lets NOTIFY and other servers through, and a function may catch its refusal.
 *
 * @param writers what of the database can write; undefined where the server does not say
 */
export function mayWrite(works: readonly Exchange[], writers: Reach | undefined): boolean {
  if (writers === undefined) return true
  return works.some(
    ({ statement, text }) => text === undefined || writers.of(statement, text) !== 'nothing',
  )
}

/**
 * Whether a statement outside a transaction that has drawn no id has written nothing. A foreign table, a
 * trigger that notifies and another node of a cluster are written to without one.
 *
 * @throws Interrupted when the connection ends
 */
export async function wroteNothing(
  work: Exchange,
  writers: () => Promise<Reach | undefined>,
): Promise<boolean> {
  const { statement, tag = '' } = work
  if (statement.verb === 'EXECUTE' || (statement.kind === 'write' && !/ 0$/.test(tag))) return false
  return !mayWrite([work], await writers())
}

/**
 * Whether a transaction of which the texts say that it only read did so.
 *
 * The catalog says that nothing its statements reach can write. And the server, executing them again
 * READ ONLY, refuses none of them. Either alone may be deceived: the catalog by what it does not know,
 * the refusal by a function that writes only sometimes.
 *
 * @throws Interrupted when the connection ends
 */
export async function hadNothingToCommit(
  lost: Transaction,
  connection: Connection,
  writersOf: (ask: Inquiry) => Promise<Reach | undefined>,
  settings: Settings,
  signal: AbortSignal,
): Promise<boolean> {
  const { tape } = lost
  const ask = inquiry(tape[0]?.constructor as ExchangeClass, connection, signal)
  if (tape.length === 0 || mayWrite(tape, await writersOf(ask))) return false
  const refused = await isRefused(lost, connection, settings, ask, signal)
  await ask('ROLLBACK')
  return !refused
}

/** Executes a transaction again READ ONLY, up to the first statement that goes otherwise than it did. */
async function isRefused(
  lost: Transaction,
  connection: Connection,
  settings: Settings,
  ask: Inquiry,
  signal: AbortSignal,
): Promise<boolean> {
  for (const [i, original] of lost.tape.entries()) {
    const copy = original.again()
    planWitness(copy, connection, lost, { ...settings, witness: 'off' })
    await send(copy, connection, signal)
    if (copy.refusal !== undefined || copy.error?.code !== original.error?.code) return true
    if (i === 0 && (await ask('SET TRANSACTION READ ONLY')).code !== undefined) return true
  }
  return false
}
