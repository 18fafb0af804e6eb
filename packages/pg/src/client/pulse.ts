import { clock } from '@reprise/core'
import type { Conversation } from './conversation.ts'

/** So many times `probeAfter` such a session may hear nothing before it is looked whether it could. */
const patience = 6

/**
 * Sees to it that a session that listens, or holds a lock or whatever else goes with its connection, is asked
 * for a sign of life now and then. Its holder relies on its connection without asking for anything: one that
 * the network has dropped in silence looks like one on which nobody has notified yet, and its lock is held by
 * somebody else.
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
    if (this.#timer !== undefined || !this.#isReliedOn(conversation)) return
    const { bytesMoved } = conversation.link.connection
    const due = (): void => {
      this.#timer = undefined
      const { connection } = conversation.link
      if (!connection.usable || !this.#isReliedOn(conversation)) return
      const still = connection.bytesMoved === bytesMoved && connection.active === undefined
      if (still && !conversation.open) this.#feel()
      else this.rest(conversation)
    }
    this.#timer = clock.setTimeout(due, patience * conversation.settings.probeAfter).unref()
  }

  #isReliedOn({ link: { state } }: Conversation): boolean {
    if (this.#version !== state.version) {
      this.#version = state.version
      this.#listens = state.listening
    }
    return this.#listens || state.anchor !== undefined
  }

  /** There is nobody to ask any more. */
  end(): void {
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
