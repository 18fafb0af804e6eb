import type { Conversation } from './conversation.ts'
import { listenAgain } from './housekeeping.ts'

/** The session that listens. */
export interface Listening {
  /** Whether it keeps the process alive, as its socket would. */
  readonly keepsAlive: boolean
  /** Puts another try in its queue. */
  again(): void
}

/** Brings a session that listens back to its server: a try at a time, ever more seldom, until it ends. */
export class Relistening {
  readonly #listening: Listening
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(listening: Listening) {
    this.#listening = listening
  }

  /** The session has just fallen silent. */
  start(): void {
    clearTimeout(this.#timer)
    this.#failures = 0
    this.#listening.again()
  }

  /** One try. Nothing else may be under way. */
  async try(conversation: Conversation): Promise<void> {
    const wait = await listenAgain(conversation, this.#failures)
    if (wait === undefined || this.#ended) return
    this.#failures += 1
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (!conversation.link.connection.usable) this.#listening.again()
    }, wait)
    if (!this.#listening.keepsAlive) this.#timer.unref()
  }

  /** There is no session any more. */
  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }
}
