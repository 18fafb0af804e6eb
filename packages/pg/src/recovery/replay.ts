import type { Settings } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { compare } from '../exchange/answer.ts'
import { inquiry, send } from '../exchange/ask.ts'
import type { ExchangeClass } from '../exchange/exchange.ts'
import { Keeper } from '../keep/keep.ts'
import { isOrderFree } from '../keep/order.ts'
import { planWitness } from '../transaction/plan.ts'
import type { Transaction } from '../transaction/transaction.ts'

/**
 * Executes the statements of a lost transaction again and compares every answer with its tape. Equal
 * answers mean that the application cannot tell the two transactions apart.
 *
 * @param next the transaction that takes the place of the lost one; filled in as it goes, so that
 *   its witness is at hand even when this is interrupted
 * @returns whether all answers were equal; if not, the caller has to roll back
 * @throws Interrupted when the connection ends
 */
export async function replay(
  lost: Transaction,
  next: Transaction,
  connection: Connection,
  settings: Settings,
  signal: AbortSignal,
): Promise<boolean> {
  const ask = inquiry(lost.tape[0]?.constructor as ExchangeClass, connection, signal)
  const keeper = await Keeper.for(lost, connection, signal, settings.log)
  // Statements that followed a time that was kept have it written in them.
  const followed = lost.keeper?.instant
  if (followed !== undefined && keeper?.keeps(followed) !== true) return false
  for (const original of lost.tape) {
    const copy = original.again()
    keeper?.apply(copy, original)
    planWitness(copy, connection, next, settings)
    copy.tapeLimit = next.room
    await send(copy, connection, signal)
    keeper?.restore(copy, original)
    if (copy.refusal !== undefined || connection.status === 'I') return false
    const likeness = compare(original, copy)
    if (likeness === 'other') return false
    if (likeness === 'reordered' && !(await isOrderFree(copy, ask))) return false
    copy.trim()
    next.record(copy)
  }
  next.keeper = keeper?.lasting
  return true
}
