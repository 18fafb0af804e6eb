import type { Settings } from '@reprise/core'
import { send } from './ask.ts'
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { Keeper } from './keep.ts'
import { planWitness } from './plan.ts'
import type { Transaction } from './transaction.ts'
import type { Raw } from './wire.ts'

/**
 * Executes the statements of a lost transaction again and compares every answer with its tape. Equal
 * answers mean that the application cannot tell the two transactions apart.
 *
 * @param begun called once the transaction is open; false ends the replay as unequal
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
  begun?: () => Promise<boolean>,
): Promise<boolean> {
  const keeper = await Keeper.for(lost, connection, signal)
  for (const original of lost.tape) {
    const copy = original.again()
    keeper?.apply(copy, original)
    const opened = next.tape.length > 0
    planWitness(copy, connection, opened ? next : undefined, settings)
    copy.tapeLimit = next.room
    await send(copy, connection, signal)
    keeper?.restore(copy, original)
    if (copy.refusal !== undefined || !sameAnswer(original, copy) || connection.status === 'I') {
      return false
    }
    copy.trim()
    next.record(copy)
    if (next.unreplayable !== undefined) return false
    if (next.tape.length === 1 && (await begun?.()) === false) return false
  }
  next.keeper = keeper?.lasting
  return true
}

/** Whether two runs of a statement gave the application the same answer. */
function sameAnswer(a: Exchange, b: Exchange): boolean {
  return (
    a.tag === b.tag &&
    a.error?.code === b.error?.code &&
    sameShape(a, b) &&
    a.taped !== undefined &&
    b.taped !== undefined &&
    sameRows(a.taped, b.taped)
  )
}

function sameShape(a: Exchange, b: Exchange): boolean {
  const ours = a.shape ?? []
  const theirs = b.shape ?? []
  return (
    ours.length === theirs.length &&
    ours.every(
      (field, i) => field.name === theirs[i]?.name && field.dataTypeID === theirs[i]?.dataTypeID,
    )
  )
}

/** As multisets: without ORDER BY any order is a right answer, with it equal keys may swap. */
function sameRows(a: readonly Raw[][], b: readonly Raw[][]): boolean {
  if (a.length !== b.length) return false
  if (a.every((row, i) => sameRow(row, b[i] ?? []))) return true
  const keys = (rows: readonly Raw[][]): string[] => rows.map((row) => JSON.stringify(row)).sort()
  const theirs = keys(b)
  return keys(a).every((key, i) => key === theirs[i])
}

function sameRow(a: readonly Raw[], b: readonly Raw[]): boolean {
  return (
    a.length === b.length &&
    a.every((value, i) => {
      const other = b[i]
      return (
        value === other || (Buffer.isBuffer(value) && Buffer.isBuffer(other) && value.equals(other))
      )
    })
  )
}
