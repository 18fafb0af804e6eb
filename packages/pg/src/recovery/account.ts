import {
  clock,
  type FromSession,
  type Loss,
  type LossEvent,
  publish,
  RepriseError,
} from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Recoverable } from './preparation.ts'
import { recover } from './recovery.ts'
import type { Settlement } from './settlement.ts'

type Found = Pick<LossEvent, 'idle' | 'inTransaction'>
type Told = Omit<LossEvent, keyof FromSession>

/** A loss as it is told. In a transaction the word is about all of it: what had been sent of it is gone. */
export function lossAs({ condition, sqlstate, outcome, evidence }: Loss, found: Found): Told {
  const gone = found.inTransaction && outcome === 'not-sent'
  return { condition, sqlstate, outcome: gone ? 'rolled-back' : outcome, evidence, ...found }
}

/**
 * Carries work to its end as {@link recover} does, and gives account of it when it is over: both in the
 * context in which it was asked for, where that is known.
 */
export function recoverAndTell(
  session: Recoverable,
  first: Exchange,
  lost: Connection,
  known?: Loss,
): Promise<Settlement> {
  const { within } = first
  if (within === undefined) return accounted(session, first, lost, known)
  return within(() => accounted(session, first, lost, known))
}

async function accounted(
  session: Recoverable,
  first: Exchange,
  lost: Connection,
  known?: Loss,
): Promise<Settlement> {
  const from = clock.now()
  const found = { idle: !first.submitted, inTransaction: session.transaction !== undefined }
  const loss = known ?? session.lossOf(first, lost)
  const settlement = await recover(session, first, lost, loss)
  // A connection that the session itself gave up, to ask in another way, was no loss.
  if (!lost.told && loss.condition === 'connection_failure') return settlement
  const { work, failure } = settlement
  const told = failure instanceof RepriseError ? failure : undefined
  publish(
    'reprise:recovery',
    {
      ...session.link.from,
      ...lossAs(loss, found),
      by: meansOf(first, work),
      surfaced: told?.outcome,
      code: told?.code,
      attempts: work.losses,
      statements: work.replayed,
      duration: clock.now() - from,
    },
    session.settings.log,
  )
  return settlement
}

function meansOf(first: Exchange, last: Exchange): 'replay' | 'repeat' | 'reconnect' | 'answer' {
  if (last.replayed > 0) return 'replay'
  if (last === first) return 'answer'
  return first.submitted ? 'repeat' : 'reconnect'
}
