import { setTimeout as sleep } from 'node:timers/promises'
import type { Action } from '../kit/index.ts'
import type { Contestant, Experiment } from '../lanes/experiment.ts'
import type { Span } from '../lanes/history.ts'

const killEveryMs = 100
const cutEveryMs = 500

/**
 * The faults of the demo, dealt so that no lane is better off than another. Ten times a second a client is hit, each in
 * its turn: every one of its lanes (without Reprise, with a naive retry, with Reprise) loses a backend at the same
 * moment. Twice a second, likewise, the next COMMIT of each lane is done, but its answer is lost on the way.
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

  /** Kills and cuts for so long, and restarts the server once, half-way. */
  async fire(seconds: number, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([AbortSignal.timeout(seconds * 1000), signal])
    const restart = sleep(seconds * 500, undefined, { signal }).then(() => this.#restart())
    await Promise.all([
      restart,
      // Nobody is there to be killed while the server is down.
      this.#rounds(killEveryMs, over, (contestant) => this.#kill(contestant).catch(() => {})),
      this.#rounds(cutEveryMs, over, (contestant) => this.#cut(contestant, over)),
    ])
  }

  async #restart(): Promise<void> {
    const from = this.#experiment.now
    await this.#experiment.server.restart('fast')
    this.outages.push({ from, to: this.#experiment.now })
  }

  async #rounds(
    everyMs: number,
    over: AbortSignal,
    hit: (contestant: Contestant) => Promise<void> | void,
  ): Promise<void> {
    let next = performance.now()
    for (let turn = 0; ; turn++) {
      next = Math.max(next + everyMs, performance.now())
      await sleep(Math.max(0, next - performance.now()), undefined, { signal: over }).catch(
        () => {},
      )
      if (over.aborted) return
      for (const contestant of this.#turns[turn % this.#turns.length] ?? []) await hit(contestant)
    }
  }

  async #kill({ lane, database }: Contestant): Promise<void> {
    const [victim] = await this.#experiment.server.sql(
      `select pg_terminate_backend(pid) as hit
         from (select pid from pg_stat_activity where datname = $1 order by random() limit 1) any_one`,
      [database],
    )
    if (victim?.hit === true) lane.history.faults.push(this.#experiment.now)
  }

  #cut({ lane, proxy }: Contestant, over: AbortSignal): void {
    const stop: (() => void) | undefined = proxy?.onFrame(({ from, text }): Action => {
      if (over.aborted) stop?.()
      if (over.aborted || from !== 'client' || !/^commit\b/i.test(text)) return 'pass'
      stop?.()
      lane.history.faults.push(this.#experiment.now)
      return 'swallow'
    })
  }
}
