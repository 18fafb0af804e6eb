import { setTimeout as sleep } from 'node:timers/promises'
import type { Opened } from '../subjects/index.ts'

const attempts = 60
const lossCodes = /^(08|57P|ECONN|EPIPE)/
const lossTexts = /terminat|not queryable|timeout|connection/i

/**
 * The recipe of many a blog: whatever looks like a lost connection is done again. It cannot know whether the work was
 * committed before its answer was lost, so it is the control of every experiment here: one that does not catch it
 * writing twice proves nothing about Reprise.
 */
export function withNaiveRetry(client: Opened): Opened {
  // What would end the process is swallowed, as such recipes go: the work it belongs to is tried again anyway.
  process.on('uncaughtException', () => {})
  return {
    ...client,
    insert: (row) => again(() => client.insert(row)),
    transfer: (order, think) => again(() => client.transfer(order, think)),
  }
}

/** Does work again and again while it fails by what looks like a lost connection. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === attempts || !looksLost(error)) throw error
      await sleep(10 * attempt)
    }
  }
}

function looksLost(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return lossCodes.test(String(code)) || lossTexts.test(String(message))
}
