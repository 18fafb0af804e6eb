import { setTimeout as sleep } from 'node:timers/promises'
import type { Contestant, Experiment } from '../lanes/experiment.ts'
import type { Span } from '../lanes/history.ts'

const everyMs = 100

/**
 * The faults of the demo, dealt so that no lane is better off than another. Ten times a second, each of the two groups
 * (without and with Reprise) loses a backend; the lanes of a group take turns, and a lane and its counterpart in the
 * other group are hit at the same moment.
 */
export class Volley {
  /** When there was no server. */
  readonly outages: Span[] = []
  readonly #experiment: Experiment
  readonly #turns: readonly (readonly Contestant[])[]

  constructor(experiment: Experiment) {
    this.#experiment = experiment
    const subjects = new Set(experiment.contestants.map(({ lane }) => lane.order.subject))
    this.#turns = [...subjects].map((name) =>
      experiment.contestants.filter(({ lane }) => lane.order.subject === name),
    )
  }

  /** Kills for so long, and restarts the server once, half-way. */
  async fire(seconds: number, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.timeout(seconds * 1000)
    const restart = sleep(seconds * 500, undefined, { signal }).then(() => this.#restart())
    await Promise.all([restart, this.#kill(AbortSignal.any([over, signal]))])
  }

  async #restart(): Promise<void> {
    const from = this.#experiment.now
    await this.#experiment.server.restart('fast')
    this.outages.push({ from, to: this.#experiment.now })
  }

  async #kill(over: AbortSignal): Promise<void> {
    let next = performance.now()
    for (let turn = 0; ; turn++) {
      next = Math.max(next + everyMs, performance.now())
      await sleep(Math.max(0, next - performance.now()), undefined, { signal: over }).catch(
        () => {},
      )
      if (over.aborted) return
      for (const contestant of this.#turns[turn % this.#turns.length] ?? []) {
        // Nobody is there to be killed while the server is down.
        await this.#hit(contestant).catch(() => {})
      }
    }
  }

  async #hit({ lane, database }: Contestant): Promise<void> {
    const [victim] = await this.#experiment.server.sql(
      `select pg_terminate_backend(pid) as hit
         from (select pid from pg_stat_activity where datname = $1 order by random() limit 1) any_one`,
      [database],
    )
    if (victim?.hit === true) lane.history.faults.push(this.#experiment.now)
  }
}
