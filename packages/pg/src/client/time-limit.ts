/** How much longer a limit becomes at the most by what the session asks on its own account, in milliseconds. */
const mostGranted = 30_000

/**
 * A query_timeout: ends the wait for a piece of work. Time in which the session asks the server on its own
 * account, such as the first reading of the catalog, is none of the work's.
 *
 * It is on the application's own timers, fake ones too, as in pg; those that it was set on also end it.
 */
export class TimeLimit {
  readonly #timers = { start: setTimeout, clear: clearTimeout }
  readonly #asked: () => number
  readonly #expire: () => void
  readonly #from: number
  #granted = 0
  #timer: NodeJS.Timeout

  /**
   * @param milliseconds how long it may take from now
   * @param asked for how long the session has been asking on its own account, in all
   */
  constructor(milliseconds: number, asked: () => number, expire: () => void) {
    this.#asked = asked
    this.#expire = expire
    this.#from = asked()
    this.#timer = this.#timers.start(() => this.#ring(), milliseconds)
  }

  /** The work has left. */
  clear(): void {
    this.#timers.clear(this.#timer)
  }

  #ring(): void {
    const more = Math.min(this.#asked() - this.#from, mostGranted) - this.#granted
    // Node's timers may be early by a part of a millisecond.
    if (more <= 1) {
      this.#expire()
      return
    }
    this.#granted += more
    this.#timer = this.#timers.start(() => this.#ring(), more)
  }
}
