import type { Settings } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { inquiry } from '../exchange/ask.ts'
import type { ExchangeClass } from '../exchange/exchange.ts'
import { Transaction } from '../transaction/transaction.ts'
import { replay } from './replay.ts'

/**
 * Executes a transaction again READ ONLY, and rolls it back. Where the server refuses nothing and
 * every answer is the one that was seen, the first execution wrote nothing either.
 *
 * @throws Interrupted when the connection ends
 */
export async function hadNothingToCommit(
  lost: Transaction,
  connection: Connection,
  settings: Settings,
  signal: AbortSignal,
): Promise<boolean> {
  const [first] = lost.tape
  if (first === undefined) return false
  const ask = inquiry(first.constructor as ExchangeClass, connection, signal)
  const next = new Transaction(settings.maxTapeBytes)
  const same = await replay(lost, next, connection, settings, signal, async () => {
    const { code } = await ask('SET TRANSACTION READ ONLY')
    return code === undefined
  })
  await ask('ROLLBACK')
  return same
}
