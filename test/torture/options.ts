import { randomInt } from 'node:crypto'
import { page, positive, read, subjects, UsageError, words } from '../lanes/arguments.ts'
import type { SubjectName } from '../subjects/index.ts'
import { type ClusterOptions, clusterFlags, clusterOptionsOf } from './cluster/options.ts'

/** What can be done to a lane. */
export const faultNames = ['kill', 'cut', 'restart', 'freeze'] as const

export type FaultName = (typeof faultNames)[number]

const flags = {
  subject: {
    value: 'A,B',
    help: 'all (the default), or some of pg, prisma, kysely, typeorm, mikro-orm',
  },
  faults: {
    value: 'A,B',
    help: `some of kill, cut, restart, freeze (default kill,cut,restart);
                   of a cluster: switchover, kill-node, freeze-node, kill-patroni, cut (default all)`,
  },
  seconds: { value: 'N', help: 'how long each subject is under fire (default 60)' },
  workers: { value: 'N', help: 'how many callers each subject has (default 8)' },
  seed: {
    value: 'N',
    help: 'makes the same random choices again (default: a random one, printed)',
  },
  'exactly-once': { help: 'with the option exactlyOnce' },
  control: { help: 'raw pg with a naive retry instead: succeeds when it is caught writing twice' },
  ...clusterFlags,
  json: { help: 'print the findings as JSON, and nothing else' },
  help: { help: 'print this page' },
} as const

/** What to torture, and how. */
export interface TortureOptions {
  readonly subjects: readonly SubjectName[]
  readonly faults: readonly FaultName[]
  readonly seconds: number
  readonly workers: number
  readonly seed: number
  readonly exactlyOnce: boolean
  readonly control: boolean
  readonly json: boolean
}

/** What was typed: for one server, or for a cluster. Nothing where the help page is wanted. */
export type Asked = { readonly one: TortureOptions } | { readonly cluster: ClusterOptions }

/** Reads the command line; nothing where the help page is wanted. */
export function optionsOf(argv: readonly string[]): Asked | undefined {
  const typed = read(argv, flags)
  if (typed.help) return undefined
  const control = typed.control ?? false
  const common = {
    subjects: control ? (['pg'] as const) : subjects(typed.subject, 'subject'),
    workers: Math.ceil(positive(typed.workers, 'workers', 8)),
    seed: Math.floor(positive(typed.seed, 'seed', randomInt(1, 2 ** 31))),
    exactlyOnce: typed['exactly-once'] ?? false,
    control,
    json: typed.json ?? false,
  }
  if (typed.cluster !== undefined) return { cluster: { ...common, ...clusterOptionsOf(typed) } }
  if ([typed.mode, typed.through, typed.times].some((flag) => flag !== undefined)) {
    throw new UsageError('--mode, --through and --times are for --cluster patroni.')
  }
  return {
    one: {
      ...common,
      faults: words(typed.faults, 'faults', faultNames, ['kill', 'cut', 'restart']),
      seconds: positive(typed.seconds, 'seconds', 60),
    },
  }
}

/** The help page. */
export const help: string = page(
  `torture: each client with Reprise moves money while its connections are killed, cut and frozen and
the server restarts; then what it was told is compared with what is in the database.`,
  flags,
)
