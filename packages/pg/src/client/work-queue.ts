import { clock } from '@reprise/core'
import type { Exchange } from '../exchange/exchange.ts'
import { mayOpen } from '../transaction/transaction-end.ts'
import { neverOpened, queryTimeout } from './failures.ts'
import type { SubmittableRun } from './submittable-run.ts'
import { fail, type Work } from './work.ts'

/** What waits in a session, in order, and what is under way: one at a time, and none before it is open. */
export class WorkQueue {
  readonly #start: (work: Work) => void
  #waiting: Work[] = []
  #busy = true
  #active: Work | undefined
  #closed = false
  #settled: (() => void) | undefined

  /** @param start sets work going; {@link next} is called when it is done */
  constructor(start: (work: Work) => void) {
    this.#start = start
  }

  /** What is under way and has no answer yet. */
  get active(): Work | undefined {
    return this.#active
  }

  /** Whether anything has no answer yet. */
  get owes(): boolean {
    return this.#active !== undefined || this.#waiting.length > 0
  }

  /** Whether what comes now begins at once. */
  get free(): boolean {
    return !this.#busy && this.#waiting.length === 0
  }

  /** Begins work, or lets it wait for its turn. */
  add(work: Work): void {
    if (this.#closed) {
      clock.nextTick(() => fail(work, new Error('Client was closed and is not queryable')))
    } else if (this.free) this.#begin(work)
    else this.#waiting.push(work)
  }

  /** What is under way has its answer. */
  answered(): void {
    this.#active = undefined
  }

  /**
   * Goes on to what waits first.
   * @returns whether anything did
   */
  next(): boolean {
    this.#busy = false
    this.#active = undefined
    const work = this.#waiting.shift()
    if (work === undefined) {
      this.#settled?.()
      return false
    }
    this.#begin(work)
    return true
  }

  /** Fails what has waited too long, and with it what was asked behind the transaction that it begins. */
  expire(work: Exchange | SubmittableRun): void {
    const error = queryTimeout()
    const at = this.#waiting.indexOf(work)
    const behind = at >= 0 && mayOpen(work.statement) ? this.abandon(at + 1) : undefined
    this.#waiting = this.#waiting.filter((waiting) => waiting !== work)
    fail(work, error)
    behind?.(error)
  }

  /** Takes out what was asked behind the beginning of a transaction that does not come. */
  abandon(from = 0): (failure: Error) => void {
    const works = this.#waiting.slice(from).filter((work) => typeof work !== 'string')
    this.#waiting = this.#waiting.filter((work, i) => i < from || typeof work === 'string')
    return (failure) => {
      for (const work of works) fail(work, neverOpened(failure))
    }
  }

  /** Fails what waits, and from now on whatever comes. */
  close(why: Error): void {
    this.#closed = true
    for (const work of this.#waiting.splice(0)) fail(work, why)
  }

  /** Resolves when what is under way now is done, and nothing waits. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settled = resolve
    })
  }

  #begin(work: Work): void {
    this.#busy = true
    this.#active = work
    this.#start(work)
  }
}
