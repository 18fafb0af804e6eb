import { setTimeout as sleep } from 'node:timers/promises'
import { type Contestant, type Entry, Experiment, type Finding } from '../lanes/experiment.ts'
import type { Workload } from '../lanes/messages.ts'
import type { Watcher } from '../lanes/progress.ts'
import { type SubjectName, titles } from '../subjects/index.ts'
import { Faults } from './faults.ts'
import type { TortureOptions } from './options.ts'

/** After the last fault, Reprise may go on trying for its deadline of 30 s, and not longer. */
const hangMs = 45_000

/** What one subject went through, and what became of it. */
export interface Ordeal {
  readonly finding: Finding
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>
  /** How long it lasted, in milliseconds. */
  readonly end: number
}

/** Tortures one subject, on a server of its own and with nobody beside it. */
export async function torture(
  subject: SubjectName,
  options: TortureOptions,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Ordeal> {
  const { faults, seconds, seed } = options
  const proxied = faults.includes('cut') || faults.includes('freeze')
  watcher.phase(`starting PostgreSQL and ${titles[subject]}`)
  const experiment = await Experiment.prepare(
    { entries: [entryOf(subject, options)], workload: workloadOf(options), seed, proxied },
    signal,
  )
  try {
    const [contestant] = experiment.contestants as [Contestant]
    const fire = new Faults(faults, experiment.server, contestant, seed)
    watcher.phase(`${titles[subject]} under ${faults.join(', ')}`)
    watcher.watch(experiment)
    experiment.go()
    fire.start()
    await sleep(seconds * 1000, undefined, { signal }).finally(() => fire.stop())
    const end = experiment.now
    const [finding] = (await experiment.finish(hangMs, signal)) as [Finding]
    return { finding, faults: fire.counts, end }
  } finally {
    watcher.unwatch()
    await experiment.dispose()
  }
}

function entryOf(subject: SubjectName, { control, exactlyOnce }: TortureOptions): Entry {
  return control
    ? { subject, reprise: false, naiveRetry: true }
    : { subject, reprise: { exactlyOnce } }
}

/** As much as goes: half transfers in transactions, half inserts that commit by themselves. */
function workloadOf({ workers }: TortureOptions): Workload {
  return { workers, accounts: 1000, periodMs: 0, thinkMs: 4, insertPercent: 50 }
}
