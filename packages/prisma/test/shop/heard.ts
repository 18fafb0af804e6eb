import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** What a channel of `node:diagnostics_channel` carries while some work is done. */
export async function heard(name: string, work: () => Promise<unknown>): Promise<unknown[]> {
  const messages: unknown[] = []
  const listener = (message: unknown): number => messages.push(message)
  subscribe(name, listener)
  try {
    await work()
    return messages
  } finally {
    unsubscribe(name, listener)
  }
}
