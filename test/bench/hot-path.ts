import { Server } from '../kit/index.ts'
import { subjectNames } from '../subjects/index.ts'
import { CpuMeter } from './cpu.ts'
import { goalOf, verdict } from './goals.ts'
import { machine } from './machine.ts'
import type { BenchOptions } from './options.ts'
import { type Figure, paired } from './paired.ts'
import type { Section } from './section.ts'
import { slowWire } from './slow-wire.ts'
import { ormRows, pgRows, type Row, type Rows, schema } from './workloads.ts'

/** A figure with what was expected of it. */
export interface Judged extends Figure {
  readonly goal: number
  readonly verdict: string
}

/** What the hot path costs: every row on a server of this run's own. */
export async function hotPath(
  options: BenchOptions,
  told: (cells: readonly string[]) => void,
): Promise<{ figures: readonly Judged[]; section: Section }> {
  const server = await Server.start({ settings: { fsync: options.durable ? 'on' : 'off' } })
  const wire = options.latency > 0 ? await slowWire(server, options.latency) : undefined
  const figures: Judged[] = []
  try {
    const direct = await server.createDatabase('bench')
    const url = wire?.url(direct) ?? direct
    await prepare(direct)
    told(head)
    for (const open of groups(url, options)) {
      const { rows, close } = await open()
      for (const row of rows) {
        const figure = await judged(row, server, options)
        figures.push(figure)
        told(cellsOf(figure))
      }
      await close()
    }
    return { figures, section: sectionOf(figures, options, await machine(server)) }
  } finally {
    await wire?.close()
    await server.dispose()
  }
}

async function prepare(url: string): Promise<void> {
  const { Client } = (await import('pg')).default
  const client = new Client(url)
  await client.connect()
  await client.query(schema)
  await client.end()
}

function groups(url: string, { subjects, only, callers }: BenchOptions): (() => Promise<Rows>)[] {
  return subjectNames
    .filter((name) => subjects.includes(name))
    .flatMap((name): (() => Promise<Rows>)[] =>
      name === 'pg'
        ? [async () => pgRows(url, callers, only)]
        : (['line', 'door'] as const).map(
            (through) => () => ormRows(name, through, url, callers, only),
          ),
    )
}

async function judged(row: Row, server: Server, options: BenchOptions): Promise<Judged> {
  const { callers, rounds, within } = options
  const figure = await paired(
    row.title,
    row.plain,
    row.reprise,
    () => CpuMeter.of(server, 'bench'),
    { callers, within, most: rounds, roundFor: 250 },
  )
  const goal = goalOf(row.kind, options)
  return { ...figure, goal, verdict: verdict(figure.ratio, goal) }
}

const head = [
  'workload',
  'plain/s',
  'reprise/s',
  'ratio',
  'goal',
  'verdict',
  'CPU ratio',
  'plain: server + client, us',
  'reprise: server + client, us',
  'rounds',
]

function cellsOf(figure: Judged): string[] {
  const { ratio, cpuRatio, cpu } = figure
  const used = ({ server, client }: Judged['cpu']['plain']): string =>
    `${server === undefined ? '?' : server.toFixed(0)} + ${client.toFixed(0)}`
  return [
    figure.workload,
    figure.plain.toFixed(0),
    figure.reprise.toFixed(0),
    `${ratio.value.toFixed(3)} ± ${ratio.within.toFixed(3)}`,
    figure.goal.toFixed(2),
    figure.verdict,
    `${cpuRatio.value.toFixed(3)} ± ${cpuRatio.within.toFixed(3)}`,
    used(cpu.plain),
    used(cpu.reprise),
    String(figure.rounds),
  ]
}

function sectionOf(
  figures: readonly Judged[],
  options: BenchOptions,
  where: Section['machine'],
): Section {
  const { durable, latency, callers } = options
  const how = durable ? ', with fsync' : latency > 0 ? `, ${latency} ms away` : ''
  const server = figures.every(({ cpu }) => cpu.plain.server !== undefined)
    ? ''
    : ' This system does not tell the CPU of the server, so it is that of the client alone.'
  return {
    name: durable ? 'hot-path-durable' : latency > 0 ? 'hot-path-latency' : 'hot-path',
    title: `The hot path${how}`,
    words: `${callers} callers; rounds of 250 ms a side, a coin decides who goes first, until the 95 % interval of the ratio (trimmed mean of the rounds' own ratios) is within ${options.within} or there were ${options.rounds} rounds. The CPU ratio is that of all CPU per operation, of the server's backends and of the client: neighbours on the machine change it little.${server}`,
    machine: where,
    head,
    rows: figures.map(cellsOf),
    plots: [
      {
        kind: 'ratios',
        title:
          'Ratio to plain, with its interval (dot), the same by CPU (ring), and the goal (stroke).',
        marks: figures.map(({ workload, ratio, cpuRatio, goal }) => ({
          title: workload,
          ratio: ratio.value,
          within: ratio.within,
          cpu: cpuRatio.value,
          goal,
        })),
      },
    ],
  }
}
