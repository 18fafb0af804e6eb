import { clock } from '@reprise/core'

/** Who is told that a client has ended, and in which order: as by pg, callbacks, the event, then promises. */
export class Farewell {
  readonly #callbacks: (() => void)[] = []
  #over = false

  /**
   * Tells a callback, at once where all are told already.
   * @param never whether nothing will end
   */
  tell(callback: () => void, never: boolean): void {
    if (this.#over || never) clock.nextTick(callback)
    else this.#callbacks.push(callback)
  }

  /**
   * Nothing is left of it. What a listener throws is the application's own crash, and keeps nobody else from
   * being told.
   */
  say(emit: () => void): Promise<void> {
    return new Promise((resolve) => {
      clock.nextTick(() => {
        this.#over = true
        for (const callback of this.#callbacks) clock.nextTick(callback)
        clock.nextTick(emit)
        clock.nextTick(resolve)
      })
    })
  }
}
