import type { Conversation } from './conversation.ts'
import { listenAgain } from './housekeeping.ts'

/** Brings a session that listens back to its server: a try at a time, ever more seldom, until it ends. */
export class Relistening {
  readonly #again: () => void
  readonly #keepsAlive: () => boolean
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #ended = false

  /**
   * @param again puts another try in the session's queue
   * @param keepsAlive whether the session keeps the process alive, as its socket would
   */
  constructor(again: () => void, keepsAlive: () => boolean) {
    this.#again = again
    this.#keepsAlive = keepsAlive
  }

  /** The session has just fallen silent. */
  start(): void {
    clearTimeout(this.#timer)
    this.#failures = 0
    this.#again()
  }

  /** One try. Nothing else may be under way. */
  async try(conversation: Conversation): Promise<void> {
    const wait = await listenAgain(conversation, this.#failures)
    if (wait === undefined || this.#ended) return
    this.#failures += 1
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (!conversation.link.connection.usable) this.#again()
    }, wait)
    if (!this.#keepsAlive()) this.#timer.unref()
  }

  /** There is no session any more. */
  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }
}
