import type { Reason } from './advice.ts'
import type { Loss } from './classify.ts'
import type { Statement } from './statement.ts'

/** What is known about the work when its connection is lost. */
export interface Scene {
  readonly statement: Statement
  readonly inTransaction: boolean
  /** Why the open transaction cannot be executed again, if it cannot. */
  readonly unreplayable: Reason | undefined
  /** Whether the server can be asked for the outcome by a transaction id that we hold. */
  readonly witnessed: boolean
  /** Whether a COMMIT has nothing to lose: its transaction only read. */
  readonly wroteNothing: boolean
  /** How often this work was lost, this time included. */
  readonly losses: number
  /** How long the statement had been running, in milliseconds. */
  readonly ranFor: number
  readonly operatorAfter: number
}

/**
 * What to do about a loss.
 *
 * - `complete`: the work is done, deliver its answer.
 * - `resolve`: ask the server by the witness, then complete or repeat.
 * - `repeat`: on a new connection, replay the open transaction if there is one, then the statement.
 *   `ifHarmless`: only when no function that the statement calls can write, which the catalog knows.
 *   `unlessServerUp`: only when the server itself went down.
 * - `surface`: tell the caller.
 */
export type Verdict =
  | { readonly do: 'complete' }
  | { readonly do: 'resolve' }
  | {
      readonly do: 'repeat'
      readonly ifHarmless: boolean
      readonly unlessServerUp: boolean
    }
  | { readonly do: 'surface'; readonly reason: Reason }

/** Work that loses its connection this often is not tried again: something ends it on purpose. */
const mostLosses = 20

/** Decides, from what is known alone. */
export function decide(loss: Loss, scene: Scene): Verdict {
  const { statement, inTransaction } = scene
  const mayRepeat = statement.idempotent && !inTransaction
  if (loss.outcome === 'committed') return { do: 'complete' }
  if (inTransaction && statement.rollsBack && !statement.chains) return { do: 'complete' }
  if (loss.outcome === 'in-doubt') {
    if (scene.witnessed) return { do: 'resolve' }
    if (scene.wroteNothing) return { do: 'complete' }
    if (!statement.reads && !mayRepeat) return { do: 'surface', reason: 'in-doubt' }
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
  if (scene.losses > mostLosses) return { do: 'surface', reason: 'repeated' }
  return {
    do: 'repeat',
    ifHarmless: loss.outcome === 'in-doubt' && !mayRepeat && statement.functions.length > 0,
    unlessServerUp:
      loss.outcome !== 'not-sent' &&
      loss.condition === 'admin_shutdown' &&
      loss.announced &&
      scene.ranFor >= scene.operatorAfter,
  }
}
