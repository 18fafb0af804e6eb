import type { Settings, Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { newToken } from '../witness/token.ts'
import type { Ride } from '../witness/witness.ts'
import { leavesRows, type Transaction } from './transaction.ts'

/**
 * Judges a statement for the connection it is about to be sent on: where the server reads a
 * backslash in a plain string as an escape, the tokenizer may have seen the wrong statements.
 */
export function judged(statement: Statement, connection: Connection): Statement {
  if (!statement.ambiguous || connection.reported.conformingStrings) return statement
  return {
    ...statement,
    kind: 'several',
    count: 2,
    reads: false,
    passing: false,
    guardable: false,
    commits: false,
    rollsBack: false,
    begins: false,
    canCommit: true,
    commitsInside: true,
    carriesWitness: false,
    orderFree: false,
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
  exchange.identify = identifies(exchange, connection)
  const { witness } = settings
  const writes = connection.identifying
    ? mayLeave(exchange.statement, transaction)
    : leavesToken(exchange.statement, transaction)
  // Behind a ride a commit follows at once: inside a transaction with an id, only COMMIT has one.
  exchange.token =
    typeof witness === 'object' && writes && exchange.ride !== 'none'
      ? { table: witness.token, id: newToken() }
      : undefined
  // What is written elsewhere has no id here, and who has none cannot be told from what was lost.
  exchange.draw =
    exchange.statement.notifies ||
    (exchange.statement.commits &&
      transaction !== undefined &&
      !hasId(transaction) &&
      (transaction.unwitnessed || !transaction.provable))
}

/**
 * Whether a statement asks who is at the other end: the first on a connection that can be pipelined
 * behind such a question, so that no backend holds locks for us that we could not end; once more
 * before a write, where the server was a standby when it was asked.
 */
function identifies(
  { statement, ride, rows }: Exchange,
  { backend, status, identifying }: Connection,
): boolean {
  if (!identifying || rows || status === 'E' || statement.verb === 'LOCK') return false
  if (ride === 'none' && !canFollow(statement)) return false
  return backend === undefined || (backend.incarnation.timeline === null && ride !== 'none')
}

/**
 * Whether a statement can be pipelined behind another one. LOCK must not: behind a query its transaction
 * may have a snapshot already (REPEATABLE READ), which is to be taken when the lock is.
 */
export function canFollow({ kind, verb, carriesWitness, ambiguous }: Statement): boolean {
  return verb !== 'LOCK' && (carriesWitness || (kind === 'read' && !ambiguous))
}

/** From how many characters on the upload of a write dwarfs the round trip of a held Sync. */
const large = 64 * 1024

function rideFor(
  exchange: Exchange,
  connection: Connection,
  transaction: Transaction | undefined,
  settings: Settings,
): Ride {
  const { statement, rows } = exchange
  const { witness } = settings
  if (witness === 'off' || rows) return 'none'
  if (!connection.identifying && !leavesToken(statement, transaction)) return 'none'
  if (transaction === undefined) {
    if (connection.status !== 'I') return 'none'
    // Whoever can run it again wants to know whether it wrote.
    if (exchange.unit?.code && statement.reads && canFollow(statement)) {
      return exchange.guarded ? 'none' : 'flushed'
    }
    if (!statement.carriesWitness) return 'none'
    return settings.exactlyOnce || exchange.upload > large ? 'held' : 'flushed'
  }
  if (
    connection.status !== 'T' ||
    (hasId(transaction) && (witness === 'xid' || !statement.commits))
  ) {
    return 'none'
  }
  if (statement.commits) {
    if (settings.exactlyOnce) return 'awaited'
    // A replay that may only read will prove as much, should it come to that.
    return transaction.provable && !transaction.unwitnessed ? 'none' : 'ahead'
  }
  return statement.carriesWitness ? 'behind' : 'none'
}

/** Whether there is, or may be, something to find out about by a token. */
function mayLeave(statement: Statement, transaction: Transaction | undefined): boolean {
  return transaction === undefined ? leavesRows.has(statement.kind) : hasId(transaction)
}

/** The same where the server tells no ids: a transaction writes if one of its statements has. */
function leavesToken(statement: Statement, transaction: Transaction | undefined): boolean {
  if (transaction === undefined) return leavesRows.has(statement.kind)
  return statement.commits && transaction.leftRows
}

function hasId({ witness }: Transaction): boolean {
  return typeof witness?.xid === 'string'
}

/** What the answer of a set_config may take, in bytes, so that its value is seen. */
const rowOfSettings = 64 * 1024

const opensTransaction: ReadonlySet<string> = new Set(['transaction', 'several'])

/** How much of a statement's answer is kept, in bytes: for the tape, or to see what a setting became. */
export function tapeLimitOf(
  { kind, state }: Statement,
  transaction: Transaction | undefined,
  settings: Settings,
): number {
  const room = transaction?.room ?? (opensTransaction.has(kind) ? settings.maxTapeBytes : 0)
  const shows = state.some(({ setting }) => setting !== undefined)
  return Math.max(room, shows ? rowOfSettings : 0)
}
