import { clock } from './clock.ts'
import { noticeSuspension, suspendedSince } from './suspension.ts'

/**
 * A point in time after which nobody waits any more, as an AbortSignal. It can also be ended early,
 * when the one who waits goes away. While the process is suspended no time passes.
 */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #from = clock.now()
  readonly #length: number
  #timer: NodeJS.Timeout

  /** @param ms how long from now, in milliseconds */
  constructor(ms: number) {
    noticeSuspension()
    this.#length = ms
    this.#timer = clock.setTimeout(() => this.#ring(), ms)
  }

  /** Aborted at the deadline, or at {@link end}. Its reason is the word given there. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Milliseconds left, never negative. */
  get remaining(): number {
    return this.#controller.signal.aborted ? 0 : Math.max(0, this.#left)
  }

  /** Ends the wait now. The first reason stays. */
  end(reason: string): void {
    clock.clearTimeout(this.#timer)
    this.#controller.abort(reason)
  }

  /** Lets go of the timer, once what was waited for has happened. */
  dispose(): void {
    clock.clearTimeout(this.#timer)
  }

  get #left(): number {
    return this.#length - (clock.now() - this.#from) + suspendedSince(this.#from)
  }

  #ring(): void {
    const left = this.#left
    // Node's timers may be early by a part of a millisecond.
    if (left <= 1) this.end('deadline')
    else this.#timer = clock.setTimeout(() => this.#ring(), left)
  }
}
