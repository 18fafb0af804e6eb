import { setTimeout as sleep } from 'node:timers/promises'
import { type Entry, Experiment, type Finding } from '../lanes/experiment.ts'
import type { Span } from '../lanes/history.ts'
import type { Workload } from '../lanes/messages.ts'
import type { Watcher } from '../lanes/progress.ts'
import type { DemoOptions } from './options.ts'
import { Volley } from './volley.ts'

/**
 * All lanes run at the same time, under the same faults, with a load that leaves the machine idle for a part of the
 * time: each caller starts three transfers a second and no more. So a lane that fails early leaves nothing to the others
 * that would make them look better, and the numbers compare what clients make of faults, not how fast they are.
 */
const workload: Workload = {
  workers: 4,
  accounts: 2500,
  periodMs: 333,
  thinkMs: 200,
  insertPercent: 0,
}

/** Before the first fault and after the last one lies a while that shows what is usual, and who recovers. */
const calmMs = 2000

/** With the server up and no fault any more, no call has a reason to take this long. */
const hangMs = 20_000

/** What the demo found. */
export interface Demo {
  readonly findings: readonly Finding[]
  readonly outages: readonly Span[]
  /** How long the lanes ran, in milliseconds. */
  readonly end: number
}

/** Runs the demo. */
export async function run(
  { subjects, seconds }: DemoOptions,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Demo> {
  const entries = subjects.flatMap((subject): Entry[] => [
    { subject, reprise: false },
    { subject, reprise: false, naiveRetry: true },
    { subject, reprise: {}, door: true },
  ])
  watcher.phase('starting PostgreSQL and the lanes')
  const seed = Date.now() % 2 ** 31
  const experiment = await Experiment.prepare({ entries, workload, seed, proxied: true }, signal)
  try {
    const volley = new Volley(experiment)
    watcher.phase('calm before the fire')
    watcher.watch(experiment)
    experiment.go()
    await sleep(calmMs, undefined, { signal })
    watcher.phase('under fire')
    await volley.fire(seconds, signal)
    watcher.phase('calm: who recovers?')
    await sleep(calmMs, undefined, { signal })
    const end = experiment.now
    watcher.waitFor(hangMs)
    const findings = await experiment.finish(hangMs, signal)
    return { findings, outages: volley.outages, end }
  } finally {
    watcher.unwatch()
    await experiment.dispose()
  }
}
