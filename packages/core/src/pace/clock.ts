import { setImmediate as immediately, setTimeout as pause } from 'node:timers/promises'

/** Time, and what happens after some of it. */
export interface Clock {
  /** As `performance.now()`. */
  now(): number
  readonly setTimeout: typeof globalThis.setTimeout
  readonly clearTimeout: typeof globalThis.clearTimeout
  readonly setInterval: typeof globalThis.setInterval
  readonly clearInterval: typeof globalThis.clearInterval
  readonly setImmediate: typeof globalThis.setImmediate
  readonly nextTick: typeof process.nextTick
  /** Of `node:timers/promises`. */
  readonly pause: typeof pause
  readonly immediately: typeof immediately
}

/** The clock and the timers as they are at present. */
export function presentClock(): Clock {
  const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, performance } =
    globalThis
  return {
    now: performance.now.bind(performance),
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    setImmediate,
    nextTick: process.nextTick.bind(process),
    pause,
    immediately,
  }
}

/**
 * The clock and the timers as they were when this was loaded. A test that fakes timers, while a server is
 * down say, does not stop the network, nor what is under way there. What the application itself has set a
 * limit to (`query_timeout`) is on its own timers, as in pg.
 */
export const clock: Clock = presentClock()
