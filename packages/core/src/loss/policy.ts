import type { Statement } from '../sql/statement.ts'
import type { Reason } from './advice.ts'
import type { Loss } from './classify.ts'

/** What is known about the work when its connection is lost. */
export interface Scene {
  readonly statement: Statement
  readonly inTransaction: boolean
  /** Why the open transaction cannot be executed again, if it cannot. */
  readonly unreplayable: Reason | undefined
  /** Whether the server can be asked for the outcome: by a transaction id or a token that we hold. */
  readonly witnessed: boolean
  /**
   * Whether a replay of the open transaction that may only read can show that there was nothing to
   * commit.
   */
  readonly provable: boolean
  /** An earlier execution of the work is in doubt, whatever became of this one. */
  readonly guarded: boolean
  /** How often this work was lost, or its preparation, this time included. */
  readonly losses: number
  /** How often it was lost in flight. */
  readonly lostInFlight: number
  /** How often the server crashed while this work was in flight. */
  readonly crashes: number
  /** How long the statement had been running, in milliseconds. */
  readonly ranFor: number
  readonly operatorAfter: number
}

/**
 * What to do about a loss.
 *
 * - `complete`: the work is done, deliver its answer.
 * - `resolve`: ask the server by the witness, then complete or repeat.
 * - `look`: ask the catalog whether the work reaches another server, which may have committed its part.
 * - `prove`: execute the transaction again READ ONLY: where the server refuses nothing, and its catalog
 *   says that nothing in it reaches what can write, its COMMIT had nothing to commit.
 * - `repeat`: on a new connection, replay the open transaction if there is one, then the statement.
 *   `guarded`: it may have been executed, so only in a READ ONLY transaction, whose refusal means doubt.
 *   `unlessServerUp`: only when the server itself went down.
 * - `surface`: tell the caller.
 */
export type Verdict =
  | { readonly do: 'complete' }
  | { readonly do: 'resolve' }
  | { readonly do: 'look' }
  | { readonly do: 'prove' }
  | {
      readonly do: 'repeat'
      readonly guarded: boolean
      readonly unlessServerUp: boolean
    }
  | { readonly do: 'surface'; readonly reason: Reason }

/** Work that loses its connection this often is not tried again: something ends it on purpose. */
const mostLosses = 20

/**
 * The same for work that calls what we do not know: it may be what ends backends, its own among them.
 */
const mostLossesOfUnknown = 3

/** What a standby cancels for its recovery this often takes too long for it. */
const mostConflicts = 3

/** What was in flight when the server crashed is tried once more, in case it was not the cause. */
const mostCrashes = 1

/** Decides, from what is known alone. */
export function decide(loss: Loss, scene: Scene): Verdict {
  const { statement, inTransaction } = scene
  if (loss.outcome === 'committed') return { do: 'complete' }
  // The transaction went with its connection; where there was none, there is nothing to roll back.
  if (statement.rollsBack && !statement.chains) return { do: 'complete' }
  if (loss.hereOnly && loss.outcome === 'rolled-back') return { do: 'look' }
  const doubt = loss.outcome === 'in-doubt' || scene.guarded
  const again = statement.idempotent && !inTransaction && !statement.outward
  if (doubt) {
    if (scene.witnessed) return { do: 'resolve' }
    if (scene.provable) return { do: 'prove' }
    if (!again && (inTransaction || !statement.guardable)) {
      return { do: 'surface', reason: 'in-doubt' }
    }
  }
  if (loss.condition === 'database_dropped') return { do: 'surface', reason: 'dropped' }
  const somebodysLimit =
    loss.condition === 'idle_in_transaction_session_timeout' ||
    loss.condition === 'transaction_timeout'
  if (somebodysLimit && (inTransaction || loss.outcome !== 'not-sent')) {
    return { do: 'surface', reason: 'limit' }
  }
  if (inTransaction && scene.unreplayable !== undefined) {
    return { do: 'surface', reason: scene.unreplayable }
  }
  const conflict =
    loss.condition === 'serialization_failure' || loss.condition === 'deadlock_detected'
  if (conflict && scene.lostInFlight > mostConflicts) return { do: 'surface', reason: 'conflict' }
  const unknown = statement.functions.length > 0 || statement.kind === 'procedure'
  const often = scene.losses > mostLosses || scene.crashes > mostCrashes
  if (often || (unknown && scene.lostInFlight > mostLossesOfUnknown)) {
    return { do: 'surface', reason: 'repeated' }
  }
  return {
    do: 'repeat',
    guarded: doubt && !again,
    unlessServerUp:
      loss.outcome !== 'not-sent' &&
      loss.condition === 'admin_shutdown' &&
      loss.announced &&
      scene.ranFor >= scene.operatorAfter,
  }
}
