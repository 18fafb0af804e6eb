import { clock, presentClock } from '@reprise/core'

/**
 * Puts Reprise, which keeps to the timers that it was loaded with, on those that there are at present: to be
 * called where a test has made them fake, and where it has made them real again.
 */
export function heedTimers(): void {
  Object.assign(clock, presentClock())
}
