import { type Loss, type Outcome, type Reason, surfaced } from '@reprise/core'
import type { Exchange } from '../exchange/exchange.ts'
import { unreached } from '../link/unreached.ts'
import { mayKnowOthers } from './outside.ts'
import type { Recoverable } from './preparation.ts'
import { tellSurfaced } from './surface.ts'

/** How the work ended after all: with its own answer, or with a failure to surface. */
export interface Settlement {
  readonly work: Exchange
  readonly failure?: Error
}

/** The work is done; where its own answer is missing but known, it is made up. */
export function complete(
  session: Recoverable,
  work: Exchange,
  loss: Loss,
  cause: unknown,
): Settlement {
  const { statement } = work
  if (work.tag === undefined) {
    // What AND CHAIN opened went with its connection.
    if (statement.commits && !statement.chains) work.answer('COMMIT')
    else if (statement.rollsBack) work.answer('ROLLBACK')
    else return surface(session, work, { ...loss, outcome: 'committed' }, 'result-unknown', cause)
  }
  // What came after the answer was about the connection.
  work.error = undefined
  return { work }
}

/** The work is lost, and whoever asked is told what became of it. */
export function surface(
  session: Recoverable,
  work: Exchange,
  loss: Loss,
  reason: Reason,
  cause: unknown,
): Settlement {
  const unheld = reason === 'in-doubt' && !wouldBeHeld(session, work)
  const failure = surfaced({
    outcome: work.guarded ? 'in-doubt' : outcomeFor(session, loss),
    condition: loss.condition,
    reason: unheld ? 'not-held' : reason,
    attempts: work.losses,
    detail: unreached(reason, session.link.connection.client, cause),
    cause,
  })
  tellSurfaced(session, failure)
  return { work, failure }
}

/** Whether exactlyOnce, which is not set, would have left no doubt. */
function wouldBeHeld({ settings, transaction }: Recoverable, { statement }: Exchange): boolean {
  if (settings.exactlyOnce) return false
  return transaction !== undefined || (statement.carriesWitness && !statement.outward)
}

/**
 * In a transaction the word is about all of it. That it was rolled back here is no word about other
 * servers, where the database knows any: nobody could be asked whether the work reaches one.
 */
function outcomeFor(session: Recoverable, { outcome, hereOnly }: Loss): Outcome {
  if (hereOnly && outcome === 'rolled-back') {
    return mayKnowOthers(session.link) ? 'in-doubt' : outcome
  }
  return outcome === 'not-sent' && session.transaction !== undefined ? 'rolled-back' : outcome
}
