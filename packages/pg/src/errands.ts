import { analyze } from '@reprise/core'
import type { Conversation } from './conversation.ts'
import { recover } from './recovery.ts'

/*
 * What a session does on its own account. Nothing else may be under way.
 */

/**
 * Settles what a former holder left open: a transaction that was lost goes to nobody. A healthy one
 * stays as it is.
 */
export function settle(conversation: Conversation): void {
  const { transaction, line, Exchange } = conversation
  const { connection } = line
  line.halted = undefined
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

/** Reconnects a session that only listens; `failed` is called when that did not succeed. */
export async function listenAgain(conversation: Conversation, failed: () => void): Promise<void> {
  const { line } = conversation
  line.halted = undefined
  await mend(conversation)
  conversation.next()
  if (!line.connection.usable && line.halted === undefined) failed()
}

/** Puts a connection, and the open transaction, in place for work that cannot be sent again. */
export async function mend(conversation: Conversation): Promise<Error | undefined> {
  const probe = new conversation.Exchange('SELECT 1')
  probe.statement = analyze('SELECT 1')
  probe.muted = true
  const { failure } = await recover(conversation, probe, conversation.line.connection)
  conversation.line.arrived()
  return failure
}
