import { FailedTransactionError, RolledBackError, type Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** COMMIT answered by ROLLBACK: the transaction had failed, and nobody had heeded it. */
export function isUnheededRollback({ statement, before, tag }: Exchange): boolean {
  return statement.commits && before !== 'I' && tag === 'ROLLBACK'
}

/**
 * Whether a message is one plain end of a transaction and nothing else: behind anything more, be it
 * AND CHAIN, what belonged to the old transaction could run outside it.
 */
export function onlyEnds({ count, members, chains, ambiguous }: Statement): boolean {
  const [one] = members
  if (count !== 1 || one === undefined || chains || ambiguous) return false
  return one.control === 'commit' || one.control === 'rollback' || one.control === 'prepare'
}

/** Whether a message may leave a transaction open: what was asked behind it then belongs to that. */
export function mayOpen({ members, ambiguous }: Statement): boolean {
  return (
    ambiguous ||
    members.some(
      ({ control, chains, kind, canCommit }) =>
        control === 'begin' || chains || (kind === 'other' && canCommit),
    )
  )
}

/**
 * Whether a transaction is open that neither was there nor was begun: somebody on the way to the server
 * began it, and what was answered in it is not committed.
 */
export function isLeftOpen(
  { ending, error, before, statement }: Exchange,
  { status }: Connection,
): boolean {
  return (
    ending === 'ready' &&
    error === undefined &&
    before === 'I' &&
    status !== 'I' &&
    !mayOpen(statement)
  )
}

/**
 * What a statement is told whose transaction is lost: as in PostgreSQL, ROLLBACK succeeds, COMMIT and
 * PREPARE TRANSACTION do not, and everything else is refused.
 * @returns undefined for a ROLLBACK
 */
export function answerOfBroken(statement: Statement, broken: Error | undefined): Error | undefined {
  if (!onlyEnds(statement)) return new FailedTransactionError(broken)
  return statement.rollsBack ? undefined : new RolledBackError(broken)
}
