import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { seeded } from '../kit/index.ts'
import type { Opened, Transfer } from '../subjects/index.ts'
import { failureOf } from './failure.ts'
import type { FromLane, Workload } from './messages.ts'

/** One of a lane's callers: moves money until it is told to stop, and reports what it was told. */
export class Worker {
  readonly #client: Opened
  readonly #workload: Workload
  readonly #random: () => number
  readonly #report: (message: FromLane) => void
  #stopped = false

  constructor(
    client: Opened,
    workload: Workload,
    seed: number,
    report: (message: FromLane) => void,
  ) {
    this.#client = client
    this.#workload = workload
    this.#random = seeded(seed)
    this.#report = report
  }

  /** Begins nothing new; {@link run} resolves when what was begun is settled. */
  stop(): void {
    this.#stopped = true
  }

  async run(): Promise<void> {
    const { periodMs } = this.#workload
    let next = performance.now() + this.#random() * periodMs
    while (!this.#stopped) {
      const early = next - performance.now()
      if (early > 0) await sleep(early)
      if (!this.#stopped) await this.#once()
      // Work that was held up is not made up for: all lanes are offered the same load.
      next = Math.max(next + periodMs, performance.now())
    }
  }

  async #once(): Promise<void> {
    const token = randomUUID()
    this.#report({ is: 'began', token })
    try {
      await this.#work(token)
    } catch (error) {
      this.#report({ is: 'failed', token, failure: failureOf(error) })
      return
    }
    this.#report({ is: 'acknowledged', token })
  }

  #work(token: string): Promise<void> {
    const { insertPercent, thinkMs } = this.#workload
    if (this.#random() * 100 < insertPercent) {
      return this.#client.insert({ ...this.#accounts(), token, amount: 0 })
    }
    const order: Transfer = { ...this.#accounts(), token, amount: this.#between(1, 20) }
    return this.#client.transfer(order, () => sleep(this.#random() * thinkMs))
  }

  #accounts(): { source: number; target: number } {
    const { accounts } = this.#workload
    const source = this.#between(1, accounts)
    const target = this.#between(1, accounts - 1)
    return { source, target: target < source ? target : target + 1 }
  }

  /** A whole number, both ends included. */
  #between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1))
  }
}
