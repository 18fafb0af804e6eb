import type { Counters } from '@reprise/core'
import { added, surfacedIn, together } from './counters.ts'
import type { Doing, Hit, Target } from './target.ts'

/** One second of a drill. */
export interface Second {
  hit: number
  /** Backends that the application had; undefined where the server did not answer. */
  backends: number | undefined
  mended: number
  surfaced: number
}

/** What happened in a drill. */
export class History {
  readonly startedAt: Date = new Date()
  readonly seconds: Second[] = []
  /** Those that were hit, by what they were doing. */
  readonly byDoing: Map<Doing, number> = new Map()
  /** What the application added to its counters; undefined where it told nothing. */
  counted: Counters | undefined
  /** Readings of the counters that failed. */
  silent = 0
  /** Seconds in which the server did not answer the drill. */
  unreachable = 0
  hits = 0
  /** What the server said when it would not have it any more. */
  refusal: string | undefined
  /** Whether somebody ended it before its time. */
  interrupted = false
  readonly #from = performance.now()
  #last: Counters | undefined

  /** How long it has been going on, in milliseconds. */
  get lasted(): number {
    return performance.now() - this.#from
  }

  /** Backends were signalled. */
  note(hits: readonly Hit[]): void {
    for (const { doing, done } of hits) {
      if (!done) continue
      this.hits += 1
      this.#now.hit += 1
      this.byDoing.set(doing, (this.byDoing.get(doing) ?? 0) + 1)
    }
  }

  /** The backends were looked at. */
  see(targets: readonly Target[] | undefined): void {
    this.#now.backends = targets?.length
    if (targets === undefined) this.unreachable += 1
  }

  /** The application told its counters, or did not. */
  hear(counters: Counters | undefined): void {
    if (counters === undefined) {
      this.silent += 1
      return
    }
    const step = added(this.#last ?? counters, counters)
    this.#last = counters
    this.counted = this.counted === undefined ? step : together(this.counted, step)
    this.#now.mended += step.mended
    // A reading may fall between a loss and the rerun that takes it out again.
    this.#now.surfaced = Math.max(0, this.#now.surfaced + surfacedIn(step))
  }

  get #now(): Second {
    const at = Math.floor(this.lasted / 1000)
    while (this.seconds.length <= at) {
      const backends = this.seconds.at(-1)?.backends
      this.seconds.push({ hit: 0, backends, mended: 0, surfaced: 0 })
    }
    return this.seconds[at] as Second
  }
}
