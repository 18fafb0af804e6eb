import { setTimeout as pause } from 'node:timers/promises'
import { reprise } from '@reprise/pg'
import pg from 'pg'
import type { Server } from '../kit/index.ts'

/** What is done to the sessions. */
export type Fault = 'kill' | 'fast restart' | 'immediate restart'
export const faults: readonly Fault[] = ['kill', 'fast restart', 'immediate restart']

/** One who asks all the time which process answers. */
interface Asker {
  pid: number
  /** When another process answered than the first. */
  readonly back: Promise<number>
  close(): Promise<void>
}

const question = 'SELECT pg_backend_pid() AS pid'
/** Between two questions, so that asking is not what is measured. */
const rest = 2

/** Milliseconds from the fault until each session has an answer by a new backend. */
export async function returnTimes(
  server: Server,
  url: string,
  side: 'loop' | 'reprise',
  sessions: number,
  fault: Fault,
): Promise<number[]> {
  const open = side === 'loop' ? tightLoop : session
  const askers = await Promise.all(Array.from({ length: sessions }, () => open(url)))
  const from = performance.now()
  if (fault === 'kill') {
    await server.sql('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [
      askers.map(({ pid }) => pid),
    ])
  } else await server.restart(fault === 'fast restart' ? 'fast' : 'immediate')
  const times = await Promise.all(askers.map(({ back }) => back))
  await Promise.all(askers.map((asker) => asker.close()))
  return times.map((at) => at - from)
}

async function session(url: string): Promise<Asker> {
  const client = new (reprise({ deadline: 60_000 }).Client)({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  const ask = async (): Promise<number> => (await client.query(question)).rows[0].pid
  const pid = await ask()
  const back = (async () => {
    for (;;) {
      if ((await ask()) !== pid) return performance.now()
      await pause(rest)
    }
  })()
  return { pid, back, close: () => client.end() }
}

/** Connects again without a pause for as long as it fails. */
async function tightLoop(url: string): Promise<Asker> {
  let client = await connected(url)
  const { pid } = (await client.query(question)).rows[0]
  const back = (async () => {
    for (;;) {
      try {
        if ((await client.query(question)).rows[0].pid !== pid) return performance.now()
        await pause(rest)
      } catch {
        // It may never say that it has ended.
        void client.end().catch(() => undefined)
        client = await untilConnected(url)
      }
    }
  })()
  return { pid, back, close: () => client.end() }
}

async function untilConnected(url: string): Promise<pg.Client> {
  for (;;) {
    try {
      return await connected(url)
    } catch {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
