import { analyze, fullJitter } from '@reprise/core'
import { recover } from '../recovery/recovery.ts'
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
  if (transaction !== undefined && (transaction.broken !== undefined || !connection.usable)) {
    conversation.transaction = undefined
    conversation.forsaken = transaction.broken ?? connection.socketError ?? new Error('it was lost')
  }
  if (conversation.transaction !== undefined || connection.status === 'I' || !connection.usable) {
    process.nextTick(() => conversation.next())
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

/** Between two tries to listen again, at first and at most, in milliseconds. */
const relisten = { base: 500, cap: 60_000 }

/**
 * Reconnects a session that listens. Where that fails, an open transaction is broken, so that the next
 * statement is told and nothing of it runs outside it; and it is to be tried again, ever more seldom.
 *
 * @param failures how often it has failed in a row
 * @returns after how many milliseconds; undefined where it listens, or nobody wants it any more
 */
export async function listenAgain(
  conversation: Conversation,
  failures: number,
): Promise<number | undefined> {
  const { link, transaction } = conversation
  link.halted = undefined
  link.failFast = false
  const failure = transaction?.broken === undefined ? await mend(conversation) : transaction.broken
  if (failure !== undefined && transaction !== undefined) transaction.broken ??= failure
  conversation.next()
  if (failure === undefined || link.connection.usable || link.halted !== undefined) return undefined
  return relisten.base + fullJitter(failures + 1, relisten)
}

/** Puts a connection, and the open transaction, in place for work that cannot be sent again. */
export async function mend(conversation: Conversation): Promise<Error | undefined> {
  const probe = new conversation.Exchange('SELECT 1')
  probe.statement = analyze('SELECT 1')
  probe.muted = true
  const { failure } = await recover(conversation, probe, conversation.link.connection)
  conversation.link.arrived()
  return failure
}
