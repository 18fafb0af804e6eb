import { clock } from '@reprise/core'
import type { Conversation } from './conversation.ts'

/** So many times `probeAfter` a session that listens may hear nothing before it is looked whether it could. */
const patience = 6

/**
 * Sees to it that a session that listens is asked for a sign of life now and then. It waits for its server
 * without having asked for anything: a connection that the network has dropped in silence looks like one on
 * which nobody has notified yet.
 */
export class Pulse {
  readonly #feel: () => void
  /** The state that was looked at last, and whether it listens: most never do. */
  #version = -1
  #listens = false
  #timer: NodeJS.Timeout | undefined

  /** @param feel lets the session ask for it */
  constructor(feel: () => void) {
    this.#feel = feel
  }

  /** Nothing is under way. */
  rest(conversation: Conversation): void {
    if (this.#timer !== undefined || !this.#isListening(conversation)) return
    const { bytesMoved } = conversation.link.connection
    const due = (): void => {
      this.#timer = undefined
      const { connection } = conversation.link
      if (!connection.usable || !this.#isListening(conversation)) return
      const still = connection.bytesMoved === bytesMoved && connection.active === undefined
      if (still && !conversation.open) this.#feel()
      else this.rest(conversation)
    }
    this.#timer = clock.setTimeout(due, patience * conversation.settings.probeAfter).unref()
  }

  #isListening({ link: { state } }: Conversation): boolean {
    if (this.#version !== state.version) {
      this.#version = state.version
      this.#listens = state.listening
    }
    return this.#listens
  }

  /** There is nobody to ask any more. */
  end(): void {
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
