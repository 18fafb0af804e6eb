import {
  clock,
  type Deadline,
  type Loss,
  type Outcome,
  publish,
  type Reason,
  type Settings,
  type Verdict,
} from '@reprise/core'
import type { Reach } from '../catalog/reach.ts'
import type { Connection } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import { sameIncarnation } from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Exchange, ExchangeClass } from '../exchange/exchange.ts'
import type { Link } from '../link/link.ts'
import { Transaction } from '../transaction/transaction.ts'
import { resolveToken } from '../witness/token.ts'
import { startedWithin } from './catalog.ts'
import { mayBeCommittedElsewhere, reachesOutside } from './outside.ts'
import { hadNothingToCommit, mayWrite, wroteNothing } from './proof.ts'
import { replay } from './replay.ts'
import { isReplicated, mayWaitOtherwise } from './replication.ts'
import { resolve } from './resolve.ts'

/** What a recovery needs of the session whose work was lost. */
export interface Recoverable {
  readonly id: number
  readonly settings: Settings
  readonly Exchange: ExchangeClass
  readonly link: Link
  transaction: Transaction | undefined
  lossOf(work: Exchange, connection: Connection): Loss
  withdraw(): boolean
  /** Sends the work on a connection and waits for its end. */
  perform(work: Exchange, connection: Connection): Promise<void>
  /** Ends what is open on a connection; one that cannot be brought to rest is given up. */
  rollBack(connection: Connection): Promise<void>
}

/** What comes next, once the way is clear or it is known that it is not. */
export type Step =
  | { readonly next: 'send'; readonly connection: Connection }
  | { readonly next: 'decide'; readonly outcome: Outcome; readonly hereOnly: boolean }
  | { readonly next: 'crashed' }
  | {
      readonly next: 'surface'
      readonly reason: Reason
      readonly cause?: unknown
      /** Where more is known of it now. */
      readonly outcome?: Outcome
    }

/** The work that was lost, and what is known of its loss. */
export interface Case {
  readonly work: Exchange
  readonly verdict: Verdict
  readonly loss: Loss
  /** A backend that ended without a word while it was at work for us: its server may have crashed. */
  readonly suspect: Backend | undefined
}

/** Everything up to the point where the work can be sent again. */
export async function prepare(session: Recoverable, lost: Case, deadline: Deadline): Promise<Step> {
  const { work, verdict, loss, suspect } = lost
  if (verdict.do === 'repeat') {
    if (session.link.state.anchor !== undefined) return { next: 'surface', reason: 'anchored' }
    if (!session.withdraw()) return { next: 'surface', reason: 'budget' }
  }
  const connection = await session.link.connected(deadline)
  // Only the new connection could tell.
  if (verdict.do === 'repeat' && session.link.state.anchor !== undefined) {
    return { next: 'surface', reason: 'anchored' }
  }
  const { signal } = deadline
  const ask = inquiry(session.Exchange, connection, signal)

  if (verdict.do === 'resolve' || verdict.do === 'prove') {
    const from = clock.now()
    const outcome =
      verdict.do === 'resolve'
        ? await outcomeOf(session, { work, verdict, loss, suspect }, connection, signal)
        : await proved(session, connection, signal)
    publish('reprise:resolve', {
      ...session.link.from,
      outcome,
      duration: clock.now() - from,
    })
    return outcome === 'in-doubt'
      ? { next: 'surface', reason: verdict.do === 'resolve' ? 'unresolved' : 'in-doubt' }
      : { next: 'decide', outcome, hereOnly: verdict.do === 'resolve' }
  }
  if (verdict.do === 'look') {
    const outside = await outsideOf(session, connection, ask)
    return mayBeCommittedElsewhere(work, session.transaction, outside, connection.identifying)
      ? { next: 'surface', reason: 'elsewhere', outcome: 'in-doubt' }
      : { next: 'decide', outcome: loss.outcome, hereOnly: false }
  }
  if (hasCrashedSince(suspect, connection.backend)) return { next: 'crashed' }
  if (verdict.do === 'repeat' && verdict.unlessServerUp) {
    const ranFor = clock.now() - work.startedAt
    if (!(await startedWithin(ranFor, ask))) return { next: 'surface', reason: 'operator' }
  }
  if (verdict.do === 'repeat' && verdict.guarded) {
    const writers = await writersOf(session, connection, ask)
    if (mayWrite([work], writers)) return { next: 'surface', reason: 'in-doubt' }
  }
  const { transaction } = session
  const outlived = await whatOutlives(session, work, connection, ask)
  if (outlived !== undefined) return outlived
  if (transaction === undefined) return { next: 'send', connection }
  work.replayed = transaction.tape.length
  return (await replayed(session, transaction, connection, signal))
    ? { next: 'send', connection }
    : { next: 'surface', reason: 'diverged' }
}

/** Whether the server went down, and not by anybody's order, since that backend was at work. */
function hasCrashedSince(then: Backend | undefined, now: Backend | undefined): boolean {
  if (then === undefined || now === undefined) return false
  const { system, crash, postmaster } = then.incarnation
  if (system === null || system !== now.incarnation.system) return false
  return crash !== now.incarnation.crash || postmaster !== now.incarnation.postmaster
}

/** By the token, which is known before anything is sent, or else by the transaction id. */
async function outcomeOf(
  session: Recoverable,
  { work, loss, suspect }: Case,
  connection: Connection,
  signal: AbortSignal,
): Promise<Outcome> {
  const ask = inquiry(session.Exchange, connection, signal)
  const witness = work.witness ?? session.transaction?.witness
  let outcome: Outcome = 'in-doubt'
  if (work.token !== undefined) outcome = await resolveToken(work.token, ask)
  else if (witness !== undefined) {
    if (witness.xid === null) {
      const nothing =
        session.transaction !== undefined ||
        (await wroteNothing(work, () => writersOf(session, connection, ask)))
      return nothing ? 'committed' : 'in-doubt'
    }
    outcome = await resolve(witness, ask, signal)
  } else if (loss.committedLocally && suspect !== undefined && connection.backend !== undefined) {
    const same = sameIncarnation(suspect.incarnation, connection.backend.incarnation)
    outcome = same ? 'committed' : 'in-doubt'
  }
  if (outcome !== 'committed') return outcome
  const otherwise = mayWaitOtherwise(work.statement, session.transaction)
  return (await isReplicated(connection, ask, otherwise)) ? 'committed' : 'in-doubt'
}

/** What of the database can write, as of the loss or later. */
function writersOf(
  { link }: Recoverable,
  connection: Connection,
  ask: Inquiry,
): Promise<Reach | undefined> {
  return link.server.database.writers(link.lostAt, ask, connection)
}

/** What was executed and must not be again, since it has an effect that went with no transaction. */
async function whatOutlives(
  session: Recoverable,
  work: Exchange,
  connection: Connection,
  ask: Inquiry,
): Promise<Step | undefined> {
  const done = (session.transaction?.tape ?? []).filter(({ statement }) => !statement.passing)
  if (done.length === 0 && !work.submitted) return undefined
  const outside = await outsideOf(session, connection, ask)
  if (outside === undefined) return undefined
  if (reachesOutside(done, outside) === 'unnamed') {
    return { next: 'surface', reason: 'irreversible' }
  }
  return work.submitted && reachesOutside([work], outside) === 'unnamed'
    ? { next: 'surface', reason: 'in-doubt', outcome: 'in-doubt' }
    : undefined
}

/** What of the database has an effect that does not go with its transaction, as of the loss or later. */
export function outsideOf(
  { link }: Pick<Recoverable, 'link'>,
  connection: Connection,
  ask: Inquiry,
): Promise<Reach | undefined> {
  return link.server.database.outside(link.lostAt, ask, connection)
}

async function proved(
  session: Recoverable,
  connection: Connection,
  signal: AbortSignal,
): Promise<Outcome> {
  const { transaction, settings } = session
  const writers = (ask: Inquiry) => writersOf(session, connection, ask)
  const nothing =
    transaction !== undefined &&
    (await hadNothingToCommit(transaction, connection, writers, settings, signal))
  return nothing ? 'committed' : 'in-doubt'
}

/** Replays the open transaction; one that answers differently is rolled back at once. */
async function replayed(
  session: Recoverable,
  transaction: Transaction,
  connection: Connection,
  signal: AbortSignal,
): Promise<boolean> {
  const from = clock.now()
  const next = new Transaction(session.settings.maxTapeBytes, transaction.pending)
  let same: boolean
  try {
    same = await replay(transaction, next, connection, session.settings, signal)
  } catch (error) {
    // The replay's own backend may live on, too.
    session.link.lostSightOf(connection)
    throw error
  }
  publish('reprise:replay', {
    ...session.link.from,
    statements: transaction.tape.length,
    diverged: !same,
    duration: clock.now() - from,
  })
  if (same) session.transaction = next
  else await session.rollBack(connection)
  return same
}
