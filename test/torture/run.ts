import { setTimeout as sleep } from 'node:timers/promises'
import { type Contestant, type Entry, Experiment, type Finding } from '../lanes/experiment.ts'
import type { Workload } from '../lanes/messages.ts'
import type { Watcher } from '../lanes/progress.ts'
import { Proxy } from '../kit/index.ts'
import { type SubjectName, titles } from '../subjects/index.ts'
import { Faults } from './faults.ts'
import type { TortureOptions } from './options.ts'

/** After the last fault, the longest that Reprise may go on trying is its deadline of 30 s. */
const hangMs = 45_000

/** What one subject went through, and what became of it. */
export interface Ordeal {
  readonly finding: Finding
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>
  /** How long it lasted, in milliseconds. */
  readonly end: number
}

/** Tortures one subject on a server of its own, so that it has the machine to itself. */
export async function torture(
  subject: SubjectName,
  options: TortureOptions,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Ordeal> {
  await using proxies = new AsyncDisposableStack()
  const { faults, seconds, seed, control, exactlyOnce } = options
  const entry: Entry = control
    ? { subject, reprise: false, naiveRetry: true }
    : { subject, reprise: { exactlyOnce } }
  let proxy: Proxy | undefined
  watcher.phase(`starting PostgreSQL and ${titles[subject]}`)
  const experiment = await Experiment.prepare(
    {
      entries: [entry],
      workload: workloadOf(options),
      seed,
      route: async (databaseUrl, server) => {
        proxy = proxies.use(await Proxy.start(server))
        return proxy.url(databaseUrl)
      },
    },
    signal,
  )
  proxies.defer(() => experiment.dispose())
  const [{ database }] = experiment.contestants as [Contestant]
  const fire = new Faults(faults, { server: experiment.server, proxy: proxy as Proxy, database }, seed)
  watcher.phase(`${titles[subject]} under ${faults.join(', ')}`)
  watcher.watch(experiment)
  experiment.go()
  fire.start()
  const over = await sleep(seconds * 1000, undefined, { signal }).finally(() => fire.stop())
}
