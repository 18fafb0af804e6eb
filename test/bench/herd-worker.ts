// A process of the herd: so many clients, each with a connection of its own.
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { repriseClient } from '@reprise/pg'
import pg from 'pg'
import type { HerdOrder } from './herd.ts'

process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit())
const [{ url, manner, clients }] = (await once(process, 'message')) as [HerdOrder]

let tries = 0
/** Counts every socket that is tried, by whomever. */
class Counted extends pg.Client {
  override connect(...told: unknown[]): Promise<pg.Client> & undefined {
    tries += 1
    return super.connect(...(told as [])) as Promise<pg.Client> & undefined
  }
}

const question = 'SELECT pg_postmaster_start_time() AS started, pg_sleep(0)'

async function connected(): Promise<pg.Client> {
  const client = new Counted({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function again(): Promise<pg.Client> {
  for (let failures = 1; ; failures++) {
    try {
      return await connected()
    } catch {
      if (manner === 'exponential') await pause(Math.min(1000, 25 * 2 ** (failures - 1)))
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** When it has an answer by the server that was started again. */
async function member(client: pg.Client): Promise<() => Promise<number>> {
  let mine = client
  const ask = async (): Promise<string> => String((await mine.query(question)).rows[0].started)
  const before = await ask()
  return async () => {
    for (;;) {
      try {
        if ((await ask()) !== before) return Date.now()
        await pause(5)
      } catch {
        // It may never say that it has ended.
        void mine.end().catch(() => undefined)
        mine = await again()
      }
    }
  }
}

const Session = repriseClient(Counted)
const members: (() => Promise<number>)[] = []
for (let i = 0; i < clients; i++) {
  if (manner === 'reprise') {
    const session = new Session({ connectionString: url })
    session.on('error', () => undefined)
    await session.connect()
    members.push(await member(session))
  } else members.push(await member(await connected()))
}
tries = 0
process.send?.('ready')
const at = await Promise.all(members.map((run) => run()))
process.send?.({ at, tries })
