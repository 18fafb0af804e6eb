/** How long to wait between tries to reach a server. */
export interface BackoffOptions {
  /**
   * The first ceiling, in milliseconds. Default 25, and for a server that is down a part of how long it
   * has been down: see {@link untilNextTry}.
   */
  readonly base?: number | undefined
  /**
   * The last ceiling, in milliseconds. Default 1000, and never more than 150 while nobody takes the
   * socket or it ends before a byte has come, or 300 while servers are up and none is what is wanted.
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

/**
 * Who said that there is no server: it itself, which is starting or full and spends a process on each
 * try; another, which is up and not what is wanted, a standby say; or nobody: whoever refuses a socket (a
 * kernel, a balancer without a primary) is not the server, and a try costs it next to nothing.
 */
export type Refuser = 'server' | 'another' | 'nobody'

/** How long a server has been down, and who said so. */
export interface Outage {
  /** How many tries have failed, from 1. */
  readonly failures: number
  /** How long it has been down, as far as is known, in milliseconds. */
  readonly lasted: number
  /** How long the last try took, in milliseconds. */
  readonly tryTook: number
  readonly said: Refuser
}

/** The last ceiling of the waits, in milliseconds, unless a lower one is set. */
const caps: Readonly<Record<Refuser, number>> = {
  server: Number.POSITIVE_INFINITY,
  another: 300,
  nobody: 150,
}

/**
 * How long to wait before a server that is down is tried again, with full jitter. Unless a base is given,
 * the ceiling is a quarter of the outage so far, so that whatever its length the wait adds little to it; and
 * never less than a few tries take, so that a server which is slow to refuse is asked less.
 *
 * @returns milliseconds
 */
export function untilNextTry(
  { failures, lasted, tryTook, said }: Outage,
  { base, cap = 1000 }: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  const most = Math.min(cap, caps[said])
  if (base !== undefined) return fullJitter(failures, { base, cap: most }, random)
  return random() * Math.min(most, Math.max(2, 2 * tryTook, lasted / 4))
}
