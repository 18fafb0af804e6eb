/** How much longer a limit becomes at the most by what the session asks on its own account, in milliseconds. */
const mostGranted = 30_000

/**
 * A query_timeout: ends the wait for a piece of work. Time in which the session asks the server on its own
 * account, such as the first reading of the catalog, is none of the work's.
 */
export class TimeLimit {
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
    this.#timer = setTimeout(() => this.#ring(), milliseconds)
  }

  /** The work has left. */
  clear(): void {
    clearTimeout(this.#timer)
  }

  #ring(): void {
    const more = Math.min(this.#asked() - this.#from, mostGranted) - this.#granted
    // Node's timers may be early by a part of a millisecond.
    if (more <= 1) {
      this.#expire()
      return
    }
    this.#granted += more
    this.#timer = setTimeout(() => this.#ring(), more)
  }
}
