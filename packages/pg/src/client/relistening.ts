import { clock, fullJitter } from '@reprise/core'
import type { Conversation } from './conversation.ts'
import { listenAgain } from './housekeeping.ts'
import { Pulse } from './pulse.ts'

/** Between two tries to listen again, at first and at most, in milliseconds. */
const pause = { base: 500, cap: 60_000 }

/** A connection that lasted for less, in milliseconds, is as good as none: the next is not tried at once. */
const steady = 1000

/** The longest pause before the next one, in tries: the server did answer, after all. */
const mostFlaps = 3

/** Brings a session that listens back to its server: a try at a time, ever more seldom, until it ends. */
export class Relistening {
  readonly #again: () => void
  readonly #keepsAlive: () => boolean
  #failures = 0
  /** When it was last brought back. */
  #heardAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** Whether a try waits for its turn, is under way, or waits for its time. */
  #pending = false
  #trying = false
  #ended = false
  readonly #pulse: Pulse

  /**
   * @param again puts another try in the session's queue
   * @param keepsAlive whether the session keeps the process alive, as its socket would
   */
  constructor(again: () => void, keepsAlive: () => boolean) {
    this.#again = again
    this.#keepsAlive = keepsAlive
    this.#pulse = new Pulse(again)
  }

  /** The session has just fallen silent. */
  start(): void {
    if (this.#ended) return
    this.#pending = true
    if (this.#trying || clock.now() - this.#heardAt < steady) {
      // The try that is under way sees for itself.
      if (!this.#trying && this.#timer === undefined) this.#later()
      return
    }
    this.#clear()
    this.#failures = 0
    this.#again()
  }

  /**
   * Nothing is under way any more. Whatever took the connection away, a session that listens and has
   * none is deaf.
   */
  rest(conversation: Conversation): void {
    const { link, transaction } = conversation
    if (link.connection.usable) {
      if (this.#pending) this.#settle()
      if (!this.#ended) this.#pulse.rest(conversation)
      return
    }
    this.#pulse.end()
    if (!this.#pending && link.state.listening && transaction?.broken === undefined) {
      this.start()
    }
  }

  /** One try, or a look whether one is needed. Nothing else may be under way. */
  async try(conversation: Conversation): Promise<void> {
    if (conversation.link.connection.usable && !conversation.open) {
      conversation.answered()
      await conversation.inquiry.pulse()
      conversation.next(true)
      return
    }
    this.#trying = true
    const { heard, again } = await listenAgain(conversation)
    this.#trying = false
    if (heard) {
      this.#heardAt = clock.now()
      this.#failures = Math.min(this.#failures, mostFlaps)
    }
    if (again && !this.#ended) this.#later()
    else this.#settle()
    conversation.next()
  }

  /** There is no session any more. */
  end(): void {
    this.#ended = true
    this.#pulse.end()
    this.#settle()
  }

  #later(): void {
    this.#clear()
    this.#failures += 1
    const due = (): void => {
      this.#timer = undefined
      this.#again()
    }
    this.#timer = clock.setTimeout(due, pause.base + fullJitter(this.#failures, pause))
    if (!this.#keepsAlive()) this.#timer.unref()
  }

  #settle(): void {
    this.#clear()
    this.#pending = false
  }

  #clear(): void {
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
