import {
  type Deadline,
  decide,
  type Loss,
  type Outcome,
  publish,
  type Reason,
  type Settings,
  surfaced,
  type Verdict,
} from '@reprise/core'
import { Interrupted, type Inquiry, inquiry } from './ask.ts'
import { areHarmless, startedWithin } from './catalog.ts'
import type { Connection } from './connection.ts'
import type { Exchange, ExchangeClass } from './exchange.ts'
import type { Line } from './line.ts'
import { GaveUp, Refused } from './reconnect.ts'
import { replay } from './replay.ts'
import { fence, resolve } from './resolve.ts'
import { StateNotRestored } from './state.ts'
import { resolveToken } from './token.ts'
import { mayHide, Transaction } from './transaction.ts'
import type { Witness } from './witness.ts'

/** What a recovery needs of the session whose work was lost. */
export interface Patient {
  readonly id: number
  readonly settings: Settings
  readonly Exchange: ExchangeClass
  readonly line: Line
  transaction: Transaction | undefined
  lossOf(work: Exchange, connection: Connection): Loss
  withdraw(): boolean
  /** Sends the work on a connection and waits for its end. */
  perform(work: Exchange, connection: Connection): Promise<void>
}

/** How the work ended after all: with its own answer, or with a failure to surface. */
export interface Settlement {
  readonly work: Exchange
  readonly failure?: Error
}

type Step =
  | { readonly next: 'send'; readonly connection: Connection }
  | { readonly next: 'decide'; readonly outcome: Outcome }
  | { readonly next: 'surface'; readonly reason: Reason; readonly cause?: unknown }

/**
 * Carries work whose connection was lost to its end. This is the one loop of Reprise: everything
 * that may happen to a connection comes back to its top.
 *
 * @param first the work, in flight or never sent
 * @param lost the connection that it was on, or would have been sent on
 * @param known what is known of the loss, when it is not what the evidence says
 */
export async function recover(
  patient: Patient,
  first: Exchange,
  lost: Connection,
  known?: Loss,
): Promise<Settlement> {
  let work = first
  let loss = known ?? patient.lossOf(work, lost)
  let cause: unknown = causeOf(work, lost)
  let left = patient.settings.deadline
  work.losses += 1
  for (;;) {
    const verdict: Verdict =
      patient.line.halted !== undefined && loss.outcome !== 'committed'
        ? { do: 'surface', reason: patient.line.halted }
        : decide(loss, sceneOf(patient, work))
    if (verdict.do === 'complete') return complete(patient, work, loss, cause)
    if (verdict.do === 'surface') return surface(patient, work, loss, verdict.reason, cause)

    const deadline = patient.line.waitAtMost(left)
    let step: Step
    try {
      step = await prepare(patient, work, verdict, deadline)
    } catch (error) {
      step = stepAfter(error, deadline, loss)
      work.losses += 1
      if (!(error instanceof Interrupted)) cause = (error as Error).cause ?? cause
    } finally {
      left = deadline.remaining
      deadline.dispose()
    }
    if (step.next === 'surface') {
      return surface(patient, work, loss, step.reason, step.cause ?? cause)
    }
    if (step.next === 'decide') {
      loss = { ...loss, outcome: step.outcome }
      continue
    }
    work = work.again()
    await patient.perform(work, step.connection)
    if (work.ending !== 'lost') return { work }
    loss = patient.lossOf(work, step.connection)
    cause = causeOf(work, step.connection)
    work.losses += 1
    left = patient.settings.deadline
  }
}

/** What a failed step means: the loop goes on, unless nobody waits or nothing can be done. */
function stepAfter(error: unknown, deadline: Deadline, loss: Loss): Step {
  if (error instanceof Refused) return { next: 'surface', reason: 'refused', cause: error.cause }
  if (error instanceof StateNotRestored) {
    return { next: 'surface', reason: 'anchored', cause: error.cause }
  }
  if (deadline.signal.aborted || error instanceof GaveUp) {
    return { next: 'surface', reason: deadline.signal.reason as Reason }
  }
  if (error instanceof Interrupted) return { next: 'decide', outcome: loss.outcome }
  // Nothing else is known to happen; if it does, the caller is told and nothing is claimed.
  return { next: 'surface', reason: 'refused', cause: error }
}

/** Everything up to the point where the work can be sent again. */
async function prepare(
  patient: Patient,
  work: Exchange,
  verdict: Verdict,
  deadline: Deadline,
): Promise<Step> {
  if (verdict.do === 'repeat') {
    if (patient.line.state.anchor !== undefined) return { next: 'surface', reason: 'anchored' }
    if (!patient.withdraw()) return { next: 'surface', reason: 'budget' }
  }
  const connection = await patient.line.connected(deadline)
  const { signal } = deadline
  const ask = inquiry(patient.Exchange, connection, signal)

  if (verdict.do === 'resolve') {
    const witness = work.witness ?? patient.transaction?.witness
    const from = performance.now()
    const outcome = await outcomeOf(work, witness, ask, signal)
    publish('reprise:resolve', {
      session: patient.id,
      outcome,
      duration: performance.now() - from,
    })
    return outcome === 'in-doubt'
      ? { next: 'surface', reason: 'in-doubt' }
      : { next: 'decide', outcome }
  }
  const { ghosts } = patient.line
  for (const ghost of ghosts) {
    await fence(ghost, ask)
    ghosts.delete(ghost)
  }
  if (verdict.do === 'repeat' && verdict.ifHarmless) {
    if (!(await areHarmless(work.statement.functions, ask))) {
      return { next: 'surface', reason: 'in-doubt' }
    }
  }
  if (verdict.do === 'repeat' && verdict.unlessServerUp) {
    const ranFor = performance.now() - work.startedAt
    if (!(await startedWithin(ranFor, ask))) return { next: 'surface', reason: 'operator' }
  }
  const { transaction } = patient
  if (transaction === undefined) return { next: 'send', connection }
  return (await replayed(patient, transaction, connection, signal))
    ? { next: 'send', connection }
    : { next: 'surface', reason: 'diverged' }
}

/** By the token, which is known before anything is sent, or else by the transaction id. */
async function outcomeOf(
  work: Exchange,
  witness: Witness | undefined,
  ask: Inquiry,
  signal: AbortSignal,
): Promise<Outcome> {
  if (work.token === undefined) {
    return witness === undefined ? 'in-doubt' : resolve(witness, ask, signal)
  }
  if (witness !== undefined) await fence(witness, ask)
  return resolveToken(work.token, ask)
}

/** Replays the open transaction; one that answers differently is rolled back at once. */
async function replayed(
  patient: Patient,
  transaction: Transaction,
  connection: Connection,
  signal: AbortSignal,
): Promise<boolean> {
  const from = performance.now()
  const next = new Transaction(patient.settings.maxTapeBytes)
  let same = false
  try {
    same = await replay(transaction, next, connection, patient.settings, signal)
  } catch (error) {
    // The replay's own backend may live on, too.
    if (typeof next.witness?.xid === 'string') patient.line.ghosts.add(next.witness)
    throw error
  }
  publish('reprise:replay', {
    session: patient.id,
    statements: transaction.tape.length,
    diverged: !same,
    duration: performance.now() - from,
  })
  if (same) patient.transaction = next
  else if (isOpen(connection)) {
    await inquiry(patient.Exchange, connection, signal)('ROLLBACK').catch(() => undefined)
    if (isOpen(connection)) connection.destroy()
  }
  return same
}

function isOpen(connection: Connection): boolean {
  return connection.status !== 'I'
}

function sceneOf(patient: Patient, work: Exchange): Parameters<typeof decide>[1] {
  const { transaction, settings } = patient
  const { statement } = work
  return {
    statement,
    inTransaction: transaction !== undefined,
    unreplayable:
      settings.replay === 'off' ? 'replay-off' : transaction?.unreplayable,
    witnessed: isWitnessed(work, transaction),
    wroteNothing: statement.commits && transaction?.wroteNothing === true,
    losses: work.losses,
    ranFor: work.submitted ? performance.now() - work.startedAt : 0,
    operatorAfter: settings.operatorAfter,
  }
}

/** Whether the server can be asked: by an id, or because there is none and nothing can hide. */
function isWitnessed(
  { witness, statement, token }: Exchange,
  transaction: Transaction | undefined,
): boolean {
  if (token !== undefined) return true
  if (transaction === undefined) {
    return typeof witness?.xid === 'string' || (witness !== undefined && !mayHide(statement))
  }
  if (!statement.commits) return false
  return witness !== undefined || typeof transaction.witness?.xid === 'string'
}

/** The work is done; where its own answer is missing but known, it is made up. */
function complete(patient: Patient, work: Exchange, loss: Loss, cause: unknown): Settlement {
  const { statement } = work
  if (work.tag === undefined) {
    if (statement.commits) work.answer('COMMIT')
    else if (statement.rollsBack) work.answer('ROLLBACK')
    else return surface(patient, work, { ...loss, outcome: 'committed' }, 'result-unknown', cause)
  }
  // What came after the answer was about the connection.
  work.error = undefined
  return { work }
}

function surface(
  patient: Patient,
  work: Exchange,
  loss: Loss,
  reason: Reason,
  cause: unknown,
): Settlement {
  const failure = surfaced({
    outcome: outcomeFor(patient, loss),
    condition: loss.condition,
    reason,
    attempts: work.losses,
    cause,
  })
  publish('reprise:surface', {
    session: patient.id,
    condition: failure.condition,
    outcome: failure.outcome,
    code: failure.code,
    attempts: failure.attempts,
    advice: failure.advice,
  })
  return { work, failure }
}

/** In a transaction the word is about all of it. */
function outcomeFor(patient: Patient, { outcome }: Loss): Outcome {
  return outcome === 'not-sent' && patient.transaction !== undefined ? 'rolled-back' : outcome
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

