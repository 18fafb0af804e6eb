/**
 * A point in time after which nobody waits any more, as an AbortSignal. It can also be ended early,
 * when the one who waits goes away.
 */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #at: number

  /** @param ms how long from now, in milliseconds */
  constructor(ms: number) {
    this.#at = performance.now() + ms
    this.#timer = setTimeout(() => this.end('deadline'), ms)
  }

  /** Aborted at the deadline, or at {@link end}. Its reason is the word given there. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Milliseconds left, never negative. */
  get remaining(): number {
    return this.#controller.signal.aborted ? 0 : Math.max(0, this.#at - performance.now())
  }

  /** Ends the wait now. The first reason stays. */
  end(reason: string): void {
    clearTimeout(this.#timer)
    if (!this.#controller.signal.aborted) this.#controller.abort(reason)
  }

  /** Lets go of the timer, once what was waited for has happened. */
  dispose(): void {
    clearTimeout(this.#timer)
  }
}
