import { page, positive, read, subjects, UsageError } from '../lanes/arguments.ts'
import type { SubjectName } from '../subjects/index.ts'

const flags = {
  subject: {
    value: 'A,B',
    help: 'only these of pg, prisma, kysely, typeorm, mikro-orm (default all)',
  },
  only: { value: 'A,B', help: 'only these workloads, by their names in the table' },
  callers: { value: 'N', help: 'operations under way at once (default 8)' },
  rounds: {
    value: 'N',
    help: 'most rounds of a row; it ends when its interval is narrow (default 60)',
  },
  within: { value: 'X', help: 'the interval of a ratio that is narrow enough (default 0.02)' },
  durable: { help: 'with fsync, as a server in production; without it commits cost nothing' },
  latency: {
    value: 'N',
    help: 'add so many milliseconds to each round trip, by a proxy: 1 or 1ms',
  },
  seconds: {
    value: 'N',
    help: 'how long texts, peers or memory are measured (each has a default)',
  },
  report: { value: 'FILE', help: 'where to write the HTML report (default report/bench.html)' },
  record: { help: 'put the figures into BENCHMARKS.md' },
  json: { help: 'print the figures as JSON, and nothing else' },
  help: { help: 'print this page' },
} as const

/** What can be measured. */
export const measurements = ['hot-path', 'texts', 'recovery', 'herd', 'peers', 'memory'] as const

/** What is to be measured, and how. */
export interface BenchOptions {
  readonly measure: (typeof measurements)[number]
  readonly subjects: readonly SubjectName[]
  readonly only: readonly string[] | undefined
  readonly callers: number
  readonly rounds: number
  readonly within: number
  readonly durable: boolean
  /** Milliseconds; 0 for none. */
  readonly latency: number
  readonly seconds: number | undefined
  readonly report: string
  readonly record: boolean
  readonly json: boolean
}

/** Reads the command line; nothing where the help page is wanted. */
export function optionsOf(argv: readonly string[]): BenchOptions | undefined {
  const [first] = argv
  const named = first !== undefined && !first.startsWith('-')
  const typed = read(named ? argv.slice(1) : argv, flags)
  if (typed.help) return undefined
  const measure = measurements.find((name) => name === (named ? first : 'hot-path'))
  if (measure === undefined) {
    throw new UsageError(
      `There is nothing to measure by the name of '${first}'; --help lists what there is.`,
    )
  }
  const latency = typed.latency?.replace(/ms$/, '')
  const rounds = positive(typed.rounds, 'rounds', 60)
  if (rounds < 3) throw new UsageError('--rounds: at least 3, or a ratio has no interval.')
  return {
    measure,
    subjects: subjects(typed.subject, 'subject'),
    only: typed.only?.split(','),
    callers: positive(typed.callers, 'callers', 8),
    rounds,
    within: positive(typed.within, 'within', 0.02),
    durable: typed.durable ?? false,
    latency: latency === undefined ? 0 : positive(latency, 'latency', 0),
    seconds: typed.seconds === undefined ? undefined : positive(typed.seconds, 'seconds', 1),
    report: typed.report ?? 'report/bench.html',
    record: typed.record ?? false,
    json: typed.json ?? false,
  }
}

/** The help page. */
export const help: string = page(
  `bench: what Reprise costs while nothing breaks, against the same client without it in the same run.

  bench           the hot path: ratio to plain pg with its interval, CPU per operation, verdict
  bench texts     texts that were never sent before, from 10 characters to 20 million
  bench recovery  from a kill to the first success, against a tight reconnect loop; replay; state
  bench herd      connects per second after a restart, by real processes and for 10,000 in a model
  bench peers     throughput, errors and duplicates under a killer, by Reprise and by other ways
  bench memory    the heap over a million operations; what an idle session costs`,
  flags,
)
