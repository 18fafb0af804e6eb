import { type BackoffOptions, type Refuser, untilNextTry } from './backoff.ts'
import { clock } from './clock.ts'

/** How many may connect to one server at once. */
export interface GateOptions {
  /** Connection attempts under way at once while the server answers. Default 8. */
  readonly concurrency?: number | undefined
}

/** The right to try one connection. Exactly one of its other methods is called, once. */
export interface Pass {
  /** The server has answered, and there is more to do before the try is over: others need not wait. */
  answered(): void
  /** The server took the connection. */
  succeeded(): void
  /** The server is down, starting or full; the error says which. */
  failed(error?: unknown): void
  /**
   * There was nobody: the socket was refused, or ended before a byte came. That is asked again soon, or
   * after so many milliseconds.
   */
  unanswered(error?: unknown, after?: number): void
  /** There are others, which are up and not what is wanted. They are asked again soon, or after so long. */
  unsuited(error?: unknown, after?: number): void
  /** It is down, and another gate that was entered as well says when it is tried again. */
  referred(error?: unknown): void
  /** The try ended in a way that says nothing about the server. */
  abandoned(): void
}

interface Waiter {
  readonly admit: (pass: Pass) => void
  /** Called in its place when the server turns out to be down, by those who do not wait for that. */
  readonly dismiss?: () => void
}

/**
 * One per server. While the server answers, it bounds the connection attempts under way; while the
 * server is down it lets one prober through at a time, with backoff between probes, so that a
 * thousand sessions knock no harder than one. They share what the prober learns.
 */
export class Gate {
  readonly #concurrency: number
  readonly #backoff: BackoffOptions
  readonly #waiting: Waiter[] = []
  #inside = 0
  #failures = 0
  #downSince = 0
  #notBefore = 0
  #proven = false
  #lastFailure: unknown
  #timer: NodeJS.Timeout | undefined

  constructor({ concurrency = 8 }: GateOptions = {}, backoff: BackoffOptions = {}) {
    this.#concurrency = concurrency
    this.#backoff = backoff
  }

  /** Whether the last that is known of the server is that it did not answer. */
  get down(): boolean {
    return this.#failures > 0
  }

  /** Whether the server has ever taken a connection through it. */
  get proven(): boolean {
    return this.#proven
  }

  /** What the last prober was told, for those who gave up before their turn came. */
  get lastFailure(): unknown {
    return this.#lastFailure
  }

  /** In how many milliseconds a server that is down may be tried again. */
  get pause(): number {
    return Math.max(0, this.#notBefore - clock.now())
  }

  /**
   * Waits for a {@link Pass}.
   * @throws the signal's reason, when it is aborted first
   */
  enter(signal: AbortSignal): Promise<Pass> {
    return this.#queue(signal, false) as Promise<Pass>
  }

  /**
   * The same for whoever has another server to try: undefined as soon as this one is known to be down,
   * unless it is time to look whether it still is.
   * @throws the signal's reason, when it is aborted first
   */
  enterUnlessDown(signal: AbortSignal): Promise<Pass | undefined> {
    return this.down ? Promise.resolve(this.enterAtOnce()) : this.#queue(signal, true)
  }

  /** A {@link Pass} that need not be waited for, or undefined where there is none. */
  enterAtOnce(): Pass | undefined {
    if (this.down && this.pause > 0) return undefined
    if (this.#waiting.length > 0 || this.#inside >= this.#room) return undefined
    this.#inside += 1
    return this.#pass(this.#failures)
  }

  #queue(signal: AbortSignal, impatient: boolean): Promise<Pass | undefined> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const settle = (pass: Pass | undefined): void => {
        signal.removeEventListener('abort', leave)
        resolve(pass)
      }
      const waiter: Waiter = impatient
        ? { admit: settle, dismiss: () => settle(undefined) }
        : { admit: settle }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(signal.reason)
        this.#pump()
      }
      signal.addEventListener('abort', leave)
      this.#waiting.push(waiter)
      this.#pump()
    })
  }

  get #room(): number {
    return this.down ? 1 : this.#concurrency
  }

  #pump(): void {
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.down) this.#dismiss()
    while (this.#waiting.length > 0 && this.#inside < this.#room) {
      const { pause } = this
      if (this.down && pause > 0) {
        this.#timer = clock.setTimeout(() => this.#pump(), pause)
        return
      }
      this.#inside += 1
      this.#waiting.shift()?.admit(this.#pass(this.#failures))
    }
  }

  #dismiss(): void {
    for (const waiter of this.#waiting.filter(({ dismiss }) => dismiss !== undefined)) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      waiter.dismiss?.()
    }
  }

  #pass(failuresBefore: number): Pass {
    const from = clock.now()
    let known = failuresBefore
    const leave = (): void => {
      this.#inside -= 1
      this.#pump()
    }
    const fail = (error: unknown, said?: Refuser, after?: number): void => {
      this.#fail(error, known, from, said, after)
      leave()
    }
    return {
      answered: () => {
        this.#up()
        known = 0
        this.#pump()
      },
      succeeded: () => {
        this.#up()
        leave()
      },
      failed: (error) => fail(error, 'server'),
      unanswered: (error, after) => fail(error, 'nobody', after),
      unsuited: (error, after) => fail(error, 'another', after),
      referred: (error) => fail(error),
      abandoned: leave,
    }
  }

  #up(): void {
    this.#proven = true
    this.#failures = 0
    this.#lastFailure = undefined
  }

  #fail(error: unknown, known: number, from: number, said?: Refuser, after?: number): void {
    this.#lastFailure = error
    // Those who were inside together failed of one cause: it counts once.
    if (this.#failures !== known) return
    const now = clock.now()
    if (this.#failures === 0) this.#downSince = from
    this.#failures += 1
    const tryTook = now - from
    const outage = { failures: this.#failures, lasted: now - this.#downSince, tryTook }
    const pause = said === undefined ? 0 : untilNextTry({ ...outage, said }, this.#backoff)
    this.#notBefore = now + (after ?? pause)
  }
}
