import type { Settings, Statement } from '@reprise/core'
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import type { Transaction } from './transaction.ts'
import type { Ride } from './witness.ts'

/**
 * Judges a statement for the connection it is about to be sent on: where the server reads a
 * backslash in a plain string as an escape, the tokenizer may have seen the wrong statements.
 */
export function judged(statement: Statement, connection: Connection): Statement {
  if (!statement.ambiguous || connection.conformingStrings) return statement
  return {
    ...statement,
    kind: 'several',
    count: 2,
    reads: false,
    commits: false,
    rollsBack: false,
    begins: false,
    canCommit: true,
    commitsInside: true,
    carriesWitness: false,
  }
}

/** Settles how the witness rides with a statement, if it does. */
export function planWitness(
  exchange: Exchange,
  connection: Connection,
  transaction: Transaction | undefined,
  settings: Settings,
): void {
  exchange.ride = rideFor(exchange, connection, transaction, settings)
  exchange.draw =
    exchange.statement.notifies || (exchange.statement.commits && transaction?.unwitnessed === true)
}

function rideFor(
  { statement, rows }: Exchange,
  connection: Connection,
  transaction: Transaction | undefined,
  settings: Settings,
): Ride {
  if (settings.witness !== 'xid' || rows) return 'none'
  if (transaction === undefined) {
    if (connection.status !== 'I' || !statement.carriesWitness) return 'none'
    return settings.exactlyOnce ? 'held' : 'flushed'
  }
  if (connection.status !== 'T' || typeof transaction.witness?.xid === 'string') return 'none'
  if (statement.commits) return settings.exactlyOnce ? 'awaited' : 'ahead'
  return statement.carriesWitness ? 'behind' : 'none'
}
