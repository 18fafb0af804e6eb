import { reprise } from '@reprise/pg'
import pg from 'pg'
import { Server } from '../kit/index.ts'
import { alive } from './gc.ts'
import { machine } from './machine.ts'
import type { BenchOptions } from './options.ts'
import type { Section } from './section.ts'
import { onPg, schema } from './workloads.ts'

/** What memory it takes, in bytes. */
export interface MemoryFigures {
  /** What lived after so many operations. */
  readonly growth: readonly { readonly operations: number; readonly bytes: number }[]
  readonly idle: { readonly sessions: number; readonly plain: number; readonly reprise: number }
}

const operations = 1_000_000
const steps = 10
const idleSessions = 1000
/** How many connect at once. */
const batch = 20

/** The heap over a million operations, and what an idle session costs. */
export async function memory(
  { callers }: BenchOptions,
  told: (cells: readonly string[]) => void,
): Promise<{ figures: MemoryFigures; section: Section }> {
  const server = await Server.start({
    settings: { fsync: 'off', max_connections: String(idleSessions + 50) },
  })
  try {
    const url = await server.createDatabase()
    told(head)
    const idleFigures = {
      sessions: idleSessions,
      plain: await perSession(url, {}),
      reprise: await perSession(url, reprise()),
    }
    told(idleCells(idleFigures))
    const growth = await grow(url, callers, ({ operations, bytes }) =>
      told([`after ${operations.toLocaleString('en')} operations`, '', kilo(bytes), '']),
    )
    const figures = { growth, idle: idleFigures }
    const section = sectionOf(figures, await machine(server))
    return { figures, section }
  } finally {
    await server.dispose()
  }
}

/** What each of a thousand clients holds that have connected, asked something, and lie idle. */
async function perSession(url: string, options: object): Promise<number> {
  const Client = (options as { Client?: typeof pg.Client }).Client ?? pg.Client
  const open = async (): Promise<pg.Client> => {
    const client = new Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    await client.query('SELECT 1')
    return client
  }
  // The first one pays for what all share.
  const first = await open()
  const before = await alive()
  const clients: pg.Client[] = []
  while (clients.length < idleSessions) {
    clients.push(...(await Promise.all(Array.from({ length: batch }, open))))
  }
  const bytes = ((await alive()) - before) / clients.length
  for (const client of [first, ...clients]) await client.end()
  return bytes
}

async function grow(
  url: string,
  callers: number,
  told: (step: MemoryFigures['growth'][number]) => void,
): Promise<MemoryFigures['growth']> {
  const pool = new pg.Pool({ connectionString: url, max: callers, ...reprise() })
  await pool.query(schema)
  const works = Object.values(onPg)
  const growth: { operations: number; bytes: number }[] = []
  let done = 0
  const upTo = async (count: number): Promise<void> => {
    const caller = async (): Promise<void> => {
      while (done < count) {
        const work = works[done % works.length]
        done += 1
        await work?.once(pool)
      }
    }
    await Promise.all(Array.from({ length: callers }, caller))
  }
  // What is kept of texts fills up first.
  for (let step = 0; step <= steps; step++) {
    await upTo((operations / steps) * step + 20_000)
    const found = { operations: done, bytes: await alive() }
    growth.push(found)
    told(found)
    await pool.query('TRUNCATE log')
  }
  await pool.end()
  return growth
}

const head = ['what', 'plain', 'reprise', 'difference']

const kilo = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`

function idleCells({ sessions, plain, reprise: ours }: MemoryFigures['idle']): string[] {
  return [`an idle session, of ${sessions}`, kilo(plain), kilo(ours), kilo(ours - plain)]
}

function sectionOf({ growth, idle }: MemoryFigures, where: Section['machine']): Section {
  const [first] = growth
  const last = growth.at(-1)
  const from = first?.bytes ?? 0
  const to = last?.bytes ?? 0
  return {
    name: 'memory',
    title: 'Memory',
    words: `What lives after a collection, on the heap and beside it. ${idle.sessions} clients that are connected and idle (goal: at most 8 KB each more than plain pg), and one pool over ${operations.toLocaleString('en')} operations of every kind (goal: no growth).`,
    machine: where,
    head,
    rows: [
      idleCells(idle),
      [
        `after ${first?.operations.toLocaleString('en')} and ${last?.operations.toLocaleString('en')} operations`,
        '',
        `${kilo(from)} and ${kilo(to)}`,
        kilo(to - from),
      ],
    ],
    plots: [
      {
        kind: 'curves',
        title: 'What lives after so many operations through Reprise',
        x: 'thousand operations',
        y: 'MB',
        curves: [
          {
            name: 'reprise',
            tone: 'with',
            points: growth.map(({ operations, bytes }) => [operations / 1000, bytes / 2 ** 20]),
          },
        ],
      },
    ],
  }
}
