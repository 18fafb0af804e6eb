import { setTimeout as sleep } from 'node:timers/promises'

/** Something that is done again and again until it is stopped, like the kit's killer. */
export interface Fault {
  start(): void
  /** Resolves with how often it was done, when it can happen no more. */
  stop(): Promise<number>
}

/** Does something after random waits, from half to one and a half of the mean. */
export class Recurring implements Fault {
  readonly #everyMs: number
  readonly #random: () => number
  readonly #act: () => Promise<boolean>
  readonly #stopped = new AbortController()
  #done: Promise<number> = Promise.resolve(0)

  /** @param act answers whether it was done: there may be nothing to do it to */
  constructor(everyMs: number, random: () => number, act: () => Promise<boolean>) {
    this.#everyMs = everyMs
    this.#random = random
    this.#act = act
  }

  start(): void {
    this.#done = this.#run(this.#stopped.signal)
    // An error is for whoever stops it.
    this.#done.catch(() => {})
  }

  stop(): Promise<number> {
    this.#stopped.abort()
    return this.#done
  }

  async #run(signal: AbortSignal): Promise<number> {
    for (let times = 0; ; ) {
      const wait = this.#everyMs * (0.5 + this.#random())
      await sleep(wait, undefined, { signal }).catch(() => {})
      if (signal.aborted) return times
      if (await this.#act()) times++
    }
  }
}
