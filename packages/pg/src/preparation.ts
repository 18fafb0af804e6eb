import {
  type Deadline,
  type Loss,
  type Outcome,
  publish,
  type Reason,
  type Settings,
  type Verdict,
} from '@reprise/core'
import { inquiry } from './ask.ts'
import { fence } from './backend.ts'
import { areHarmless, startedWithin } from './catalog.ts'
import type { Connection } from './connection.ts'
import type { Exchange, ExchangeClass } from './exchange.ts'
import type { Inquiry } from './inquiry.ts'
import type { Line } from './line.ts'
import { replay } from './replay.ts'
import { resolve } from './resolve.ts'
import { resolveToken } from './token.ts'
import { Transaction } from './transaction.ts'
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

/** What comes next, once the way is clear or it is known that it is not. */
export type Step =
  | { readonly next: 'send'; readonly connection: Connection }
  | { readonly next: 'decide'; readonly outcome: Outcome }
  | { readonly next: 'surface'; readonly reason: Reason; readonly cause?: unknown }

/** Everything up to the point where the work can be sent again. */
export async function prepare(
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
      ? { next: 'surface', reason: 'unresolved' }
      : { next: 'decide', outcome }
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
    if (connection.backend !== undefined) patient.line.ghosts.add(connection.backend)
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
