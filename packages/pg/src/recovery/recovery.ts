import {
  clock,
  type Deadline,
  decide,
  fullJitter,
  isGenuine,
  type Loss,
  type Reason,
  type Scene,
  suspendedSince,
  type Verdict,
} from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import { sameReport } from '../exchange/answer.ts'
import { Interrupted } from '../exchange/ask.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Link } from '../link/link.ts'
import { GaveUp, Refused } from '../link/reconnect.ts'
import { StateNotRestored } from '../transaction/state.ts'
import { mayHide, type Transaction } from '../transaction/transaction.ts'
import { prepare, type Recoverable, type Step } from './preparation.ts'
import { complete, type Settlement, surface } from './settlement.ts'

/**
 * Carries work whose connection was lost to its end. This is the one loop of Reprise: everything
 * that may happen to a connection comes back to its top.
 *
 * @param first the work, in flight or never sent
 * @param lost the connection that it was on, or would have been sent on
 * @param known what the evidence says of the loss, or is known besides
 */
export async function recover(
  session: Recoverable,
  first: Exchange,
  lost: Connection,
  known: Loss,
): Promise<Settlement> {
  let work = first
  let loss = known
  let cause: unknown = causeOf(work, lost)
  let left = timeFor(session, lost)
  let suspect = count(work, loss, lost)
  let ranFor = ran(work)
  for (;;) {
    const verdict: Verdict =
      session.link.halted !== undefined && loss.outcome !== 'committed'
        ? { do: 'surface', reason: session.link.halted }
        : decide(loss, sceneOf(session, work, loss, ranFor))
    if (verdict.do === 'complete') return complete(session, work, loss, cause)
    if (verdict.do === 'surface') {
      if (work.guarded || loss.outcome === 'in-doubt') await fenced(session.link, left)
      return surface(session, work, loss, verdict.reason, cause)
    }

    const deadline = session.link.waitAtMost(left)
    let step: Step
    try {
      if (work.losses > 1) await calmDown(work.losses - 1, session, deadline)
      step = await prepare(session, { work, verdict, loss, suspect }, deadline)
    } catch (error) {
      step = stepAfter(error, deadline, loss)
      work.losses += 1
      if (saysWhy(error)) cause = error.cause ?? cause
      // What is replayed may be what crashes the server.
      suspect ??= suspectOn(session.link.connection)
    } finally {
      left = deadline.remaining
      deadline.dispose()
    }
    if (step.next === 'surface') {
      const { outcome = loss.outcome, reason } = step
      return surface(session, work, { ...loss, outcome }, reason, step.cause ?? cause)
    }
    if (step.next === 'crashed') {
      work.crashes += 1
      suspect = undefined
      continue
    }
    if (step.next === 'decide') {
      loss = { ...loss, outcome: step.outcome, hereOnly: step.hereOnly }
      continue
    }
    work = work.again()
    work.guarded ||= verdict.do === 'repeat' && verdict.guarded
    await session.perform(work, step.connection)
    if (work.ending !== 'lost') {
      if (!work.guarded || work.error === undefined) return { work }
      await session.rollBack(step.connection)
      // What cannot have written has only failed once more. Any other error, 25006 or another, says
      // nothing of the execution that is in doubt.
      if (first.error !== undefined && sameReport(first.error, work.error)) return { work }
      return surface(session, work, loss, 'in-doubt', work.error)
    }
    loss = session.lossOf(work, step.connection)
    cause = causeOf(work, step.connection)
    suspect = count(work, loss, step.connection)
    ranFor = ran(work)
    // It may have run for long; what never began has only been waited for.
    if (work.submitted) left = timeFor(session, step.connection)
  }
}

/** What is left of the deadline where it was waited for already, in milliseconds: time for one more try. */
const oneMore = 3000

/** How long the work may wait for a server. */
function timeFor({ settings }: Recoverable, { unreachable }: Connection): number {
  return unreachable ? Math.min(oneMore, settings.deadline) : settings.deadline
}

/**
 * Counts a loss.
 * @returns the backend whose server has to be looked at: it may have crashed with the work in flight
 */
function count(work: Exchange, loss: Loss, { backend }: Connection): Backend | undefined {
  work.losses += 1
  if (!work.submitted) return undefined
  work.lostInFlight += 1
  if (loss.condition !== 'crash_shutdown') return loss.announced ? undefined : backend
  work.crashes += 1
  return undefined
}

/** How long it had run when it was lost: what comes afterwards is no time of its own. */
function ran({ submitted, startedAt }: Exchange): number {
  return submitted ? clock.now() - startedAt - suspendedSince(startedAt) : 0
}

/** Whether a step that failed has the server's own word in its cause. */
function saysWhy(error: unknown): error is Error {
  return error instanceof GaveUp || error instanceof Refused || error instanceof StateNotRestored
}

/** The backend that may have crashed, unless its server said that it ended it by order (57P01). */
function suspectOn({ backend, errorFrame }: Connection): Backend | undefined {
  return isGenuine(errorFrame) && errorFrame?.code === '57P01' ? undefined : backend
}

/** What was lost again on a new connection is lost again soon: the more often, the later it is tried. */
async function calmDown(
  times: number,
  { settings }: Recoverable,
  { signal }: Deadline,
): Promise<void> {
  await clock.pause(fullJitter(times, settings.backoff), undefined, { signal })
}

/** What a failed step means: the loop goes on, unless nobody waits or nothing can be done. */
function stepAfter(error: unknown, deadline: Deadline, loss: Loss): Step {
  if (error instanceof Refused) return { next: 'surface', reason: 'refused', cause: error.cause }
  if (error instanceof StateNotRestored) {
    return { next: 'surface', reason: 'anchored', cause: error.cause }
  }
  if (error instanceof GaveUp) return { next: 'surface', reason: error.message as Reason }
  if (deadline.signal.aborted) {
    return { next: 'surface', reason: deadline.signal.reason as Reason }
  }
  if (error instanceof Interrupted) {
    const { outcome, hereOnly } = loss
    return { next: 'decide', outcome, hereOnly }
  }
  // Nothing else is known to happen; if it does, the caller is told and nothing is claimed.
  return { next: 'surface', reason: 'refused', cause: error }
}

/**
 * Before a doubt is told, nothing of ours may go on that could still commit: "look it up" would be
 * wrong advice. A new connection comes with that, so it is enough that there is one.
 */
export async function fenced(link: Link, left: number): Promise<void> {
  if (link.unfenced.size === 0) return
  const deadline = link.waitAtMost(left)
  await link.connected(deadline).catch(() => undefined)
  deadline.dispose()
}

function sceneOf(session: Recoverable, work: Exchange, loss: Loss, ranFor: number): Scene {
  const { transaction, settings } = session
  const { statement } = work
  return {
    statement,
    inTransaction: transaction !== undefined,
    unreplayable: settings.replay === 'off' ? 'replay-off' : transaction?.unreplayable,
    witnessed: loss.committedLocally || isWitnessed(work, transaction),
    provable: statement.commits && transaction?.provable === true,
    guarded: work.guarded,
    losses: work.losses,
    lostInFlight: work.lostInFlight,
    crashes: work.crashes,
    ranFor,
    operatorAfter: settings.operatorAfter,
  }
}

/** Whether the server can be asked: by an id, or because there is none and nothing can hide. */
function isWitnessed(
  { witness, statement, token, draw }: Exchange,
  transaction: Transaction | undefined,
): boolean {
  if (token !== undefined) return true
  if (transaction === undefined) {
    return typeof witness?.xid === 'string' || (witness !== undefined && !mayHide(statement))
  }
  if (!statement.commits) return false
  // One that had to be drawn and was not: on a standby, where nothing can be written.
  if (witness !== undefined && (draw || witness.xid !== null)) return true
  return typeof transaction.witness?.xid === 'string'
}

/** The first thing that was seen of the loss. */
function causeOf(work: Exchange, connection: Connection): unknown {
  return (
    work.error ??
    connection.lastWords ??
    connection.lastNotice ??
    connection.socketError ??
    new Error('the connection was closed')
  )
}
