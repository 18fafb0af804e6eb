/** How long to wait between tries to reach a server. */
export interface BackoffOptions {
  /** The first ceiling, in milliseconds. Default 25. */
  readonly base?: number | undefined
  /**
   * The last ceiling, in milliseconds. Default 1000, and never more than 250 while nobody takes the
   * socket or it ends before a byte has come.
   */
  readonly cap?: number | undefined
}

/**
 * Exponential backoff with full jitter: a uniformly random wait between nothing and a ceiling that
 * doubles with each failure. Full jitter spreads the clients of one server most evenly, because no
 * two that failed together come back together.
 *
 * @param failures how many tries have failed, from 1
 * @returns milliseconds
 */
export function fullJitter(
  failures: number,
  { base = 25, cap = 1000 }: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  return random() * Math.min(cap, base * 2 ** Math.max(0, failures - 1))
}
