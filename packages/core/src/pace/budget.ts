import { clock } from './clock.ts'

/** How much work may be done again. */
export interface BudgetOptions {
  /** Retries in hand at the start, and the most that can be saved up. Default 500. */
  readonly capacity?: number | undefined
  /** What one success adds. Default 0.2: one retry for five successes. */
  readonly deposit?: number | undefined
  /** What each second adds, so that a quiet application is never without. Default 10. */
  readonly perSecond?: number | undefined
}

/**
 * A retry budget: a token bucket that successes fill and retries empty.
 *
 * A fixed number of attempts per call protects the call, not the server: when everything fails,
 * three attempts each are three times the load on a server that is already down. A budget looks at
 * the whole: while losses are rare every one of them is mended, and when they are the rule the
 * retries fade out by themselves and the error reaches the caller.
 */
export class Budget {
  readonly #capacity: number
  readonly #deposit: number
  readonly #perSecond: number
  readonly #now: () => number
  #balance: number
  #filledAt: number

  /** @param now a monotonic clock in milliseconds */
  constructor(
    { capacity = 500, deposit = 0.2, perSecond = 10 }: BudgetOptions = {},
    now: () => number = () => clock.now(),
  ) {
    this.#capacity = capacity
    this.#deposit = deposit
    this.#perSecond = perSecond
    this.#now = now
    this.#balance = capacity
    this.#filledAt = now()
  }

  /** Retries in hand. */
  get balance(): number {
    this.#fill()
    return this.#balance
  }

  /** Says that something succeeded. */
  deposit(): void {
    if (this.#balance < this.#capacity) {
      this.#balance = Math.min(this.#capacity, this.#balance + this.#deposit)
    }
  }

  /** Takes one retry, or says that none is left. */
  withdraw(): boolean {
    this.#fill()
    if (this.#balance < 1) return false
    this.#balance -= 1
    return true
  }

  #fill(): void {
    const now = this.#now()
    // A clock that goes back, as a test's may, takes nothing away.
    const earned = (Math.max(0, now - this.#filledAt) / 1000) * this.#perSecond
    this.#filledAt = now
    this.#balance = Math.min(this.#capacity, this.#balance + earned)
  }
}
