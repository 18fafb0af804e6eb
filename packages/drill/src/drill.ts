import { setTimeout as pause } from 'node:timers/promises'
import type { DrillOrder } from './arguments.ts'
import { readCounters } from './counters.ts'
import { History } from './history.ts'
import type { Server } from './server.ts'
import { hit, targetsOf } from './target.ts'

/** How often it is looked for somebody to hit while one is due, in milliseconds. */
const between = 25

/** So long after the last hit what the application tells is waited for, in milliseconds. */
const afterglow = 2000

/** Who is told how it goes, about once a second. */
export type Watcher = (history: History) => void

/**
 * Hits backends at the rate that was ordered, for as long as was ordered or until the signal, and keeps
 * the history of it. A server that does not answer is tried again.
 */
export async function drill(
  server: Server,
  order: DrillOrder,
  signal: AbortSignal,
  watch: Watcher,
): Promise<History> {
  const history = new History()
  // What the counters say before the first hit is what they are compared with.
  await lookOnce(server, order, history)
  const looking = new AbortController()
  const looked = look(server, order, history, watch, looking.signal)
  let due = 1
  let before = performance.now()
  while (history.lasted < order.lasting && !signal.aborted && history.refusal === undefined) {
    const now = performance.now()
    // What could not be hit in time is not made up for later.
    due = Math.min(due + ((now - before) / 1000) * order.rate, Math.max(1, order.rate / 4))
    before = now
    if (due >= 1) {
      const hits = await hit(server, order, Math.floor(due)).catch((error) => {
        history.refusal = refusalIn(error)
        return []
      })
      history.note(hits)
      due -= hits.length
    }
    await pause(between, undefined, { signal }).catch(() => undefined)
  }
  history.interrupted = signal.aborted
  await pause(history.hits > 0 ? afterglow : 0)
  looking.abort()
  await looked
  return history
}

/** Looks at the backends and reads the counters each second, and once more at the end. */
async function look(
  server: Server,
  order: DrillOrder,
  history: History,
  watch: Watcher,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    watch(history)
    if (signal.aborted) return
    await pause(1000, undefined, { signal }).catch(() => undefined)
    await lookOnce(server, order, history)
  }
}

async function lookOnce(
  server: Server,
  { applicationName, counters }: DrillOrder,
  history: History,
): Promise<void> {
  history.see(await targetsOf(server, applicationName).catch(() => undefined))
  if (counters !== undefined) {
    history.hear(await readCounters(counters).catch(() => undefined))
  }
}

/**
 * A server that is down hits nobody, and comes back. What it refuses for good, such as a right that was
 * taken away, ends the drill.
 */
function refusalIn(error: unknown): string | undefined {
  const { code, severity, message } = error as Partial<Record<string, unknown>>
  const passing = typeof severity !== 'string' || /^(?:57|08|53)/.test(String(code))
  return passing ? undefined : `${message} (${code})`
}
