import { clock } from './clock.ts'

/** How often it is looked whether this process runs, in milliseconds. */
const rhythm = 1000

/** A look that comes so much later than it should, in milliseconds, was kept from coming. */
const late = 2000

/** More than these nobody looks back on. */
const remembered = 100

interface Gap {
  readonly end: number
  readonly length: number
}

const gaps: Gap[] = []
let looked: number | undefined

/** From now on gaps in which this process did not run are noticed. Keeps no process alive. */
export function noticeSuspension(): void {
  if (looked !== undefined) return
  looked = clock.now()
  clock.setInterval(look, rhythm).unref()
}

/**
 * How long this process was suspended since then, in milliseconds: stopped by a signal, frozen by its
 * host, or blocked in its own event loop. It could neither be told anything in that time nor do anything.
 *
 * @param then a moment on the clock of performance.now()
 */
export function suspendedSince(then: number): number {
  if (looked === undefined) return 0
  look()
  let total = 0
  for (const { end, length } of gaps) if (end > then) total += Math.min(length, end - then)
  return total
}

function look(): void {
  const now = clock.now()
  const length = now - (looked ?? now) - rhythm
  looked = now
  if (length < late) return
  gaps.push({ end: now, length })
  if (gaps.length > remembered) gaps.shift()
}
