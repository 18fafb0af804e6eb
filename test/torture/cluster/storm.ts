import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Entry, Experiment, type Finding } from '../../lanes/experiment.ts'
import type { Workload } from '../../lanes/messages.ts'
import type { Watcher } from '../../lanes/progress.ts'
import { type ClusterFault, failoversIn, inflict } from './faults.ts'
import { ClusterGround } from './ground.ts'
import type { ClusterOptions } from './options.ts'
import type { Mode, PatroniCluster } from './patroni-cluster.ts'
import { ReconnectLoop } from './reconnect-loop.ts'

const warmUpMs = 3000
const aftermathMs = 5000
/** After the server is back, Reprise may go on trying for its deadline of 30 s, and not longer. */
const hangMs = 45_000
/** Every caller starts five pieces of work a second: several clients share this machine with three servers. */
const periodMs = 200

/** One fault of a cluster, with all clients at work. */
export interface Storm {
  readonly findings: readonly Finding[]
  /** When the reconnect loop succeeded. */
  readonly loop: readonly number[]
  /** When the fault began, in milliseconds since the clients did. */
  readonly begun: number
  /** How often the cluster failed over: more often than planned where the machine is too busy. */
  readonly failovers: number
  /** How long it lasted, in milliseconds. */
  readonly end: number
}

/** Lets all subjects work while one fault happens, and until the cluster is well again. */
export async function storm(
  cluster: PatroniCluster,
  fault: ClusterFault,
  mode: Mode,
  options: ClusterOptions,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Storm> {
  const { seed, through } = options
  await cluster.settled(mode)
  const ground = await ClusterGround.on(cluster, mode, through)
  ground.planned = failoversIn[fault]
  const url = await probed(ground)
  const setup = { entries: entriesOf(options, ground), workload: workloadOf(options), seed }
  const experiment = await Experiment.on(ground, setup, signal)
  const loop = new ReconnectLoop(ground.ways(url), () => experiment.now)
  try {
    watcher.watch(experiment)
    experiment.go()
    loop.start()
    await sleep(warmUpMs, undefined, { signal })
    watcher.phase(`${fault} (${mode})`)
    const from = experiment.now
    ground.dead = await inflict(fault, mode, cluster)
    await loop.steady(from)
    await sleep(aftermathMs, undefined, { signal })
    const end = experiment.now
    await loop.stop()
    const findings = await experiment.finish(hangMs, signal)
    const failovers = await ground.failovers()
    return { findings, loop: loop.successes, begun: from, end, failovers }
  } finally {
    watcher.unwatch()
    await loop.stop()
    await experiment.dispose()
  }
}

/** A database for the reconnect loop. */
async function probed(ground: ClusterGround): Promise<string> {
  const url = await ground.createDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('create table probe (id int)')
  await client.end()
  return url
}

function entriesOf(
  { subjects, control, exactlyOnce }: ClusterOptions,
  ground: ClusterGround,
): Entry[] {
  const reprise = { exactlyOnce, ...ground.options }
  return subjects.map((subject) =>
    control ? { subject, reprise: false, naiveRetry: true } : { subject, reprise },
  )
}

function workloadOf({ workers }: ClusterOptions): Workload {
  return { workers, accounts: 200, periodMs, thinkMs: 4, insertPercent: 50 }
}
