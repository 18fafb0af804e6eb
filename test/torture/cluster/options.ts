import { positive, UsageError, words } from '../../lanes/arguments.ts'
import type { SubjectName } from '../../subjects/index.ts'
import { type ClusterFault, clusterFaults } from './faults.ts'
import { type Door, doors } from './ground.ts'
import type { Mode } from './patroni-cluster.ts'

/** What torture takes besides for a cluster. */
export const clusterFlags = {
  cluster: {
    value: 'patroni',
    help: "a cluster of three from Debian's packages, and one fault after the other",
  },
  mode: { value: 'A,B', help: 'with --cluster: async, sync or both (the default)' },
  through: {
    value: 'A',
    help: `with --cluster: haproxy (the default), pgbouncer before it, pgbouncer-transaction, or hosts:
                   no proxy, but the list of members`,
  },
  times: { value: 'N', help: 'with --cluster: how often each fault happens (default 1)' },
} as const

/** What to do to which clients of a cluster. */
export interface ClusterOptions {
  readonly subjects: readonly SubjectName[]
  readonly faults: readonly ClusterFault[]
  readonly modes: readonly Mode[]
  readonly through: Door
  readonly times: number
  readonly workers: number
  readonly seed: number
  readonly exactlyOnce: boolean
  readonly control: boolean
  readonly json: boolean
}

/** What was typed that only concerns a cluster. */
export interface TypedForCluster {
  readonly cluster?: string
  readonly faults?: string
  readonly mode?: string
  readonly through?: string
  readonly times?: string
  readonly seconds?: string
}

/** Reads what was typed for a cluster. */
export function clusterOptionsOf(
  typed: TypedForCluster,
): Pick<ClusterOptions, 'faults' | 'modes' | 'through' | 'times'> {
  words(typed.cluster, 'cluster', ['patroni'], [])
  if (typed.seconds !== undefined) {
    throw new UsageError(
      '--seconds says nothing with --cluster: each fault takes as long as it takes.',
    )
  }
  const [through = 'haproxy'] = words(typed.through, 'through', doors, [])
  return {
    faults: words(typed.faults, 'faults', clusterFaults, clusterFaults),
    modes: words(typed.mode, 'mode', ['async', 'sync'], ['async', 'sync']),
    through,
    times: Math.ceil(positive(typed.times, 'times', 1)),
  }
}
