import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Server } from '../kit/index.ts'
import { type Manner, manners, modelled } from './herd-model.ts'
import { machine } from './machine.ts'
import type { BenchOptions } from './options.ts'
import type { Section } from './section.ts'

/** What a herd did after a restart. */
export interface Herd {
  readonly manner: Manner
  /** Milliseconds from the stop until the last client had an answer, and the middle one. */
  readonly served: number
  readonly middle: number
  /** Connects that the clients tried, while the server was down too. */
  readonly tries: number
  /** Connects that reached the server, at most so many in a second. */
  readonly peak: number
  /** How often the server said that it has too many clients. */
  readonly refused: number
  /** Connects in each tenth of a second. */
  readonly curve: readonly number[]
}

/** What a process of the herd is told; it answers with the times of its clients. */
export interface HerdOrder {
  readonly url: string
  readonly manner: Manner
  readonly clients: number
}

const processes = 8
const clientsEach = 10
const slice = 100
const modelClients = 10_000

/** Everybody connects again after a restart: real processes, and ten thousand clients in a model. */
export async function herd(
  _options: BenchOptions,
  told: (cells: readonly string[]) => void,
): Promise<{ figures: { real: readonly Herd[]; model: readonly Herd[] }; section: Section }> {
  told(head)
  const real: Herd[] = []
  const show = (found: Herd, clients: number): void => told(cellsOf(found, clients))
  for (const manner of manners) {
    const found = await stampede(manner)
    real.push(found)
    show(found, processes * clientsEach)
  }
  const model = manners.map((manner) => modelled(manner, modelClients))
  for (const found of model) show(found, modelClients)
  const server = await Server.start()
  const where = await machine(server)
  await server.dispose()
  return { figures: { real, model }, section: sectionOf(real, model, where) }
}

async function stampede(manner: Manner): Promise<Herd> {
  const clients = processes * clientsEach
  const arrivals: number[] = []
  let refused = 0
  const server = await Server.start({
    // Room for the herd, for one that it opens while another is not gone yet, and for nothing more.
    settings: { fsync: 'off', max_connections: String(clients + 13), log_connections: 'on' },
    log: (line) => {
      if (line.includes('connection received')) arrivals.push(performance.now())
      if (line.includes('too many clients') || line.includes('remaining connection slots'))
        refused++
    },
  })
  try {
    const url = await server.createDatabase()
    const herd = Array.from({ length: processes }, () =>
      fork(new URL('herd-worker.ts', import.meta.url), {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    )
    const order: HerdOrder = { url, manner, clients: clientsEach }
    const ready = herd.map((child) => once(child, 'message'))
    for (const child of herd) child.send(order)
    await Promise.all(ready)
    const answers = herd.map((child) => once(child, 'message') as Promise<[Answer]>)
    const from = performance.now()
    const wall = Date.now()
    arrivals.length = 0
    refused = 0
    await server.restart('immediate')
    const told = (await Promise.all(answers)).map(([answer]) => answer)
    for (const child of herd) child.disconnect()
    const times = told.flatMap(({ at }) => at.map((when) => when - wall)).sort((a, b) => a - b)
    return {
      manner,
      served: times.at(-1) ?? 0,
      middle: times[Math.floor(times.length / 2)] ?? 0,
      tries: told.reduce((sum, { tries }) => sum + tries, 0),
      refused,
      ...inSlices(arrivals.map((at) => at - from)),
    }
  } finally {
    await server.dispose()
  }
}

interface Answer {
  /** When each client had its answer, by Date.now(). */
  readonly at: readonly number[]
  readonly tries: number
}

function inSlices(times: readonly number[]): Pick<Herd, 'curve' | 'peak'> {
  const curve: number[] = []
  for (const time of times) {
    const at = Math.max(0, Math.floor(time / slice))
    while (curve.length <= at) curve.push(0)
    curve[at] = (curve[at] ?? 0) + 1
  }
  return { curve, peak: Math.max(0, ...curve) * (1000 / slice) }
}

const time = (ms: number): string => (Number.isFinite(ms) ? `${Math.round(ms)} ms` : 'not in 120 s')

const head = [
  'herd',
  'middle served',
  'all served',
  'tries',
  'peak at the server',
  'too many clients',
]

function cellsOf(
  { manner, served, middle, tries, peak, refused }: Herd,
  clients: number,
): string[] {
  return [
    `${clients.toLocaleString('en')} clients: ${manner}`,
    time(middle),
    time(served),
    tries.toLocaleString('en'),
    `${peak.toLocaleString('en')}/s`,
    String(refused),
  ]
}

function sectionOf(
  real: readonly Herd[],
  model: readonly Herd[],
  where: Section['machine'],
): Section {
  const curves = (found: readonly Herd[]) =>
    found.map(({ manner, curve }) => ({
      name: manner,
      tone:
        manner === 'reprise'
          ? ('with' as const)
          : manner === 'naive'
            ? ('without' as const)
            : ('other' as const),
      points: curve.map((count, at) => [at * slice, count * (1000 / slice)] as const),
    }))
  return {
    name: 'herd',
    title: 'The herd',
    words: `After an immediate restart everybody connects again: ${processes} processes of ${clientsEach} clients each with real sockets, where max_connections has room for them and no more, and a seeded model of ${modelClients.toLocaleString('en')} clients in 200 processes whose server is down for 3 seconds, then takes a connect in 5 ms, two at a time, and lets nobody wait for longer than 10 s. Naive tries again at once; exponential doubles from 25 ms to 1 s without jitter. Tries counts all of them, those at a server that is down too.`,
    machine: where,
    head,
    rows: [
      ...real.map((found) => cellsOf(found, processes * clientsEach)),
      ...model.map((found) => cellsOf(found, modelClients)),
    ],
    plots: [
      {
        kind: 'curves',
        title: 'Real: connects that reach the server',
        x: 'ms since the stop',
        y: 'a second',
        curves: curves(real),
      },
      {
        kind: 'curves',
        title: `Model of ${modelClients.toLocaleString('en')}: connects tried`,
        x: 'ms since the stop',
        y: 'a second',
        // A naive one is off the scale of any picture.
        curves: curves(model.filter(({ manner }) => manner !== 'naive')),
      },
    ],
  }
}
