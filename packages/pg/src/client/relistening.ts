import type { Conversation } from './conversation.ts'
import { listenAgain } from './housekeeping.ts'

/** Brings a session that listens back to its server: a try at a time, ever more seldom, until it ends. */
export class Relistening {
  readonly #again: () => void
  readonly #keepsAlive: () => boolean
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  /** Whether a try waits for its turn, is under way, or waits for its time. */
  #pending = false
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
    if (this.#ended) return
    clearTimeout(this.#timer)
    this.#failures = 0
    this.#pending = true
    this.#again()
  }

  /**
   * Nothing is under way any more. Whatever took the connection away, a session that listens and has
   * none is deaf.
   */
  rest({ link, transaction }: Conversation): void {
    if (link.connection.usable) {
      if (this.#pending) this.#settle()
    } else if (!this.#pending && link.state.listening && transaction?.broken === undefined) {
      this.start()
    }
  }

  /** One try. Nothing else may be under way. */
  async try(conversation: Conversation): Promise<void> {
    const wait = await listenAgain(conversation, this.#failures)
    if (wait === undefined || this.#ended) this.#settle()
    else {
      this.#failures += 1
      this.#timer = setTimeout(this.#again, wait)
      if (!this.#keepsAlive()) this.#timer.unref()
    }
    conversation.next()
  }

  /** There is no session any more. */
  end(): void {
    this.#ended = true
    this.#settle()
  }

  #settle(): void {
    clearTimeout(this.#timer)
    this.#pending = false
  }
}
