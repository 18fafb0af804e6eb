import { UsageError } from '../../lanes/arguments.ts'
import type { Progress } from '../../lanes/progress.ts'
import { type Cell, cellsOf, cellTable } from './cell.ts'
import type { ClusterOptions } from './options.ts'
import { PatroniCluster } from './patroni-cluster.ts'
import { programs } from './programs.ts'
import { storm } from './storm.ts'

/** Sets a cluster up, has each fault happen in each mode, and takes it down. */
export async function tortureCluster(
  options: ClusterOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Cell[]> {
  const found = programs()
  if (typeof found === 'string') throw new UsageError(`${found}.`)
  const cluster = await PatroniCluster.start(found, (what) => progress.phase(what))
  try {
    const cells: Cell[] = []
    for (const mode of options.modes) {
      progress.phase(`${mode} replication`)
      await cluster.replicate(mode)
      const { faults, times } = options
      for (const fault of faults.flatMap((each) => Array<typeof each>(times).fill(each))) {
        signal.throwIfAborted()
        progress.phase(`starting the clients for ${fault} (${mode})`)
        const suffered = await storm(cluster, fault, mode, options, progress, signal)
        const judged = cellsOf(suffered, fault, mode)
        progress.say(`\n${cellTable(judged)}\n`)
        cells.push(...judged)
      }
    }
    return cells
  } finally {
    progress.phase('taking the cluster down')
    await cluster.dispose()
  }
}
