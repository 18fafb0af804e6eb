import { analyze, clock } from '@reprise/core'
import type { Within } from '../exchange/exchange.ts'
import { recoverAndTell } from '../recovery/account.ts'
import type { Conversation } from './conversation.ts'

/*
 * What a session does on its own account. Nothing else may be under way.
 */

/**
 * Settles what a former holder left open: a transaction that was lost goes to nobody. A healthy one
 * stays as it is.
 */
export function settle(conversation: Conversation): void {
  const { transaction, link, Exchange } = conversation
  const { connection } = link
  link.halted = undefined
  link.failFast = false
  conversation.lostAnchors.released()
  if (transaction !== undefined && (transaction.broken !== undefined || !connection.usable)) {
    conversation.transaction = undefined
    conversation.forsaken = transaction.broken ?? connection.socketError ?? new Error('it was lost')
  }
  if (conversation.transaction !== undefined || connection.status === 'I' || !connection.usable) {
    clock.nextTick(() => conversation.next())
    return
  }
  const exchange = new Exchange('ROLLBACK')
  exchange.statement = analyze('ROLLBACK')
  exchange.muted = true
  exchange.owner = {
    settled: () => {
      if (connection.status !== 'I') connection.destroy()
      conversation.next()
    },
  }
  exchange.run(connection)
}

/**
 * Reconnects a session that listens. Where that fails, an open transaction is broken, so that the next
 * statement is told and nothing of it runs outside it; else it is to be tried again, ever more seldom.
 *
 * @returns whether it came to listen, if only for a moment, and whether it has to be tried again: not where
 *   it listens, or has to wait for a transaction's end
 */
export async function listenAgain(
  conversation: Conversation,
): Promise<{ heard: boolean; again: boolean }> {
  const { link, transaction } = conversation
  link.halted = undefined
  link.failFast = false
  if (link.connection.usable || transaction?.broken !== undefined) {
    return { heard: false, again: false }
  }
  // Its holder hears what comes, and is told of what is gone whenever he asks for anything.
  if (transaction === undefined) conversation.lostAnchors.keep()
  const failure = await mend(conversation)
  if (failure !== undefined && transaction !== undefined) transaction.broken ??= failure
  // Only the new connection could tell what else there was.
  else if (failure !== undefined) conversation.lostAnchors.keep()
  const again = !link.connection.usable && transaction?.broken === undefined
  return { heard: failure === undefined, again }
}

/**
 * Puts a connection, and the open transaction, in place for work that cannot be sent again.
 * @param within the context of the work, if it is known
 */
export async function mend(
  conversation: Conversation,
  within?: Within,
): Promise<Error | undefined> {
  const probe = new conversation.Exchange('SELECT 1')
  probe.statement = analyze('SELECT 1')
  probe.muted = true
  probe.within = within
  const { failure } = await recoverAndTell(conversation, probe, conversation.link.connection)
  conversation.link.arrived()
  return failure
}
