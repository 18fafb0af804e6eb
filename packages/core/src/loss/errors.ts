import { adviceFor, type Reason } from './advice.ts'
import type { Outcome } from './outcome.ts'
import { type Condition, sqlstateOf } from './sqlstate.ts'

/** What an error of Reprise is made of. */
export interface Particulars {
  readonly outcome: Outcome
  readonly condition: Condition
  readonly reason: Reason
  /** How often the work was tried, the first time included. */
  readonly attempts: number
  /** What more there is to say, such as which server was not reached: in the message where it is ours. */
  readonly detail?: string | undefined
  /** The message, where nothing was lost yet and node-postgres has its own, which people look for. */
  readonly told?: string | undefined
  readonly cause?: unknown
}

/**
 * The mother of all errors that Reprise raises for a lost connection. All it has to say is in own
 * properties that are strings or numbers, since ORMs copy those, and only those, into errors of
 * their own.
 */
export class RepriseError extends Error {
  /** A SQLSTATE, so that everything that reads node-postgres errors reads this one. */
  readonly code: string
  /** As in node-postgres errors. */
  readonly severity: string = 'ERROR'
  /** What became of the work. */
  readonly outcome: Outcome
  /** PostgreSQL's name for the end of the connection. */
  readonly condition: Condition
  /** Why it was not mended. */
  readonly reason: Reason
  readonly attempts: number
  /** One sentence: what to do now. */
  readonly advice: string

  constructor(name: string, code: string, message: string, particulars: Particulars) {
    const { outcome, condition, reason, attempts, cause, told = byOwnWish[reason] } = particulars
    super(told || `${message}${also(particulars)}`, cause === undefined ? undefined : { cause })
    this.name = name
    this.code = code
    this.outcome = outcome
    this.condition = condition
    this.reason = reason
    this.attempts = attempts
    const advice = adviceFor(outcome, condition, reason)
    this.advice = told ? `${advice}${also(particulars)}` : advice
  }
}

/** What the application itself has ended is called as node-postgres calls it. */
const byOwnWish: { readonly [R in Reason]?: string } = {
  timeout: 'Query read timeout',
  closed: 'Connection terminated',
}

const said: { readonly [O in Outcome]: string } = {
  'not-sent': 'the work was not sent',
  'rolled-back': 'the work was rolled back',
  committed: 'the work is committed, but its result was lost',
  'in-doubt': 'nobody can say whether the work was committed',
}

/** Of all that ends work only a conflict with recovery may have left its connection alive. */
function what({ condition }: Pick<Particulars, 'condition'>): string {
  return condition === 'serialization_failure' || condition === 'deadlock_detected'
    ? `cancelled by the recovery of a standby (${condition})`
    : `connection lost (${condition})`
}

function also({ detail }: Pick<Particulars, 'detail'>): string {
  return detail === undefined ? '' : `; ${detail}`
}

/** A lost connection whose outcome is known. `code` is the SQLSTATE of its condition. */
export class LossError extends RepriseError {
  constructor(particulars: Particulars) {
    const { condition, outcome } = particulars
    super('LossError', sqlstateOf(condition), `${what(particulars)}: ${said[outcome]}`, particulars)
  }
}

/** A lost connection that may or may not have committed the work. `code` is 08007. */
export class InDoubtError extends RepriseError {
  constructor(particulars: Omit<Particulars, 'outcome'>) {
    super('InDoubtError', '08007', `${what(particulars)}: ${said['in-doubt']}`, {
      ...particulars,
      outcome: 'in-doubt',
    })
  }
}

/** What a {@link DivergedError} says: the one thing of it that Prisma's adapter keeps. */
export function divergence(condition: Condition): string {
  return `${what({ condition })}: the transaction was executed again but answered differently, so it was rolled back`
}

/**
 * The transaction was executed again on a new connection and answered differently, so it was rolled
 * back. `code` is 40001, which says: run it again.
 */
export class DivergedError extends RepriseError {
  constructor(particulars: Omit<Particulars, 'outcome' | 'reason'>) {
    super('DivergedError', '40001', divergence(particulars.condition), {
      ...particulars,
      outcome: 'rolled-back',
      reason: 'diverged',
    })
  }
}

/**
 * PostgreSQL answered COMMIT with ROLLBACK, because a statement of the transaction had failed
 * before. `code` is 40000.
 */
export class RolledBackError extends Error {
  readonly code = '40000'
  readonly severity = 'ERROR'
  readonly outcome = 'rolled-back'
  readonly advice =
    'A statement of this transaction had failed and its error was not heeded: nothing was kept.'

  constructor(cause?: unknown) {
    super(
      'the transaction was rolled back: COMMIT was answered by ROLLBACK',
      cause === undefined ? undefined : { cause },
    )
    this.name = 'RolledBackError'
  }
}

/**
 * A statement in a transaction that is already over because its connection was lost and could not be
 * mended. As in PostgreSQL, `code` is 25P02 until the transaction is ended.
 */
export class FailedTransactionError extends Error {
  readonly code = '25P02'
  readonly severity = 'ERROR'
  readonly outcome = 'rolled-back'
  readonly advice = 'End the transaction with ROLLBACK; nothing of it was kept.'

  constructor(cause?: unknown) {
    super(
      'current transaction is aborted, commands ignored until end of transaction block',
      cause === undefined ? undefined : { cause },
    )
    this.name = 'FailedTransactionError'
  }
}

/** The error for a loss that could not be mended, of the class that its outcome asks for. */
export function surfaced(particulars: Particulars): RepriseError {
  if (particulars.reason === 'diverged') return new DivergedError(particulars)
  return particulars.outcome === 'in-doubt'
    ? new InDoubtError(particulars)
    : new LossError(particulars)
}
