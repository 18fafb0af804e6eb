import { clock, suspendedSince } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'

/** How often silent connections are looked for, in milliseconds. */
const rhythm = 1000

interface Watched {
  readonly after: number
  readonly alarm: () => Promise<void>
  bytes: number
  since: number
  alarmed: boolean
  /** How often it was asked after in one silence: each time it waits twice as long. */
  alarms: number
}

/**
 * The slowest way to the server that is thought of, in bytes per millisecond. What the kernel has taken
 * of a statement may still lie in its buffers, or in those of a proxy, for as long as this takes.
 */
const slowest = 32

/** The longest that a statement found at work is left alone before it is asked after again, in milliseconds. */
const longestPause = 60_000

const watched = new Map<Connection, Watched>()
let timer: NodeJS.Timeout | undefined
let pace = rhythm

/**
 * Watches a connection for silence: a statement is under way and not a byte has moved for so long. A
 * half-open connection looks like that, and so does a slow statement, or a large one on a slow way;
 * `alarm` finds out. One timer serves all connections, so the hot path pays nothing.
 *
 * @param after the silence that raises the alarm, in milliseconds
 */
export function watch(connection: Connection, after: number, alarm: () => Promise<void>): void {
  watched.set(connection, { after, alarm, bytes: -1, since: 0, alarmed: false, alarms: 0 })
  const every = Math.min(rhythm, Math.max(10, after))
  if (timer !== undefined && every >= pace) return
  clock.clearInterval(timer)
  pace = every
  timer = clock.setInterval(lookAround, every).unref()
}

function lookAround(): void {
  const now = clock.now()
  for (const [connection, entry] of watched) {
    if (!connection.usable) {
      watched.delete(connection)
      continue
    }
    const bytes = connection.awaitsAnswer ? connection.bytesMoved : -1
    if (bytes !== entry.bytes || bytes === -1) {
      entry.bytes = bytes
      entry.since = now
      entry.alarms = 0
    } else if (
      !entry.alarmed &&
      now - entry.since - suspendedSince(entry.since) >=
        pauseOf(entry) + (connection.active?.upload ?? 0) / slowest
    ) {
      entry.alarmed = true
      entry.alarms += 1
      void entry.alarm().finally(() => {
        entry.alarmed = false
        entry.since = clock.now()
      })
    }
  }
  if (watched.size === 0) {
    clock.clearInterval(timer)
    timer = undefined
  }
}

function pauseOf({ after, alarms }: Watched): number {
  return Math.max(after, Math.min(longestPause, after * 2 ** alarms))
}
