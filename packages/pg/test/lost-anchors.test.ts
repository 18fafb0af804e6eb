import { reprise } from '@reprise/pg'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Proxy, Server, until } from '../../../test/kit/index.ts'
import { failure, kill, pidOf, poolOn, proxied } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

let server: Server
let place: { url: string; direct: string; proxy: Proxy } & AsyncDisposable
let admin: pg.Pool
beforeAll(async () => {
  server = await Server.start()
  place = await proxied(server)
  admin = poolOn(place.direct)
  await admin.query('CREATE TABLE item (a int)')
})
beforeEach(() => admin.query('TRUNCATE item'))
afterAll(async () => {
  await admin.end()
  await place[Symbol.asyncDispose]()
  await server.dispose()
})

const written = async (): Promise<number> => (await admin.query('SELECT FROM item')).rowCount ?? -1

/** Terminates a session's backend while a statement of it runs, and waits for the statement's end. */
async function killAtWork(client: pg.ClientBase, text: string): Promise<unknown> {
  const outcome = failure(client.query(text))
  const pid = pidOf(client)
  const atWork = `SELECT FROM pg_stat_activity WHERE pid = ${pid} AND wait_event = 'PgSleep'`
  await until(async () => (await admin.query(atWork)).rowCount === 1)
  await server.terminate(pid)
  return outcome
}

/** The next answer of the server does not come, and the connection neither. */
async function cutOff(client: pg.ClientBase, text: string): Promise<void> {
  let once = true
  const off = place.proxy.onFrame(({ from }) => {
    if (!once || from !== 'server') return undefined
    once = false
    return 'reset'
  })
  await client.query(text).catch(() => undefined)
  off()
}

const late = { text: 'SELECT pg_sleep(9)', query_timeout: 400 } as pg.QueryConfig

const losses: readonly [string, (client: pg.ClientBase) => Promise<unknown>][] = [
  ['while it was idle', (client) => kill(server, client)],
  ['under a statement', (client) => killAtWork(client, 'SELECT pg_sleep(30)')],
  ['with a write in doubt', (client) => cutOff(client, 'DO $$ BEGIN COMMIT; COMMIT; END $$')],
  ['with a statement that took too long', (client) => failure(client.query(late))],
  [
    'with a cursor',
    async (client) => {
      const cursor = client.query(new Cursor('SELECT generate_series(1, 1000)'))
      await cursor.read(1)
      await kill(server, client)
      await cursor.read(1000).catch(() => undefined)
    },
  ],
  [
    'in a transaction, which was rolled back',
    async (client) => {
      await client.query('BEGIN')
      await killAtWork(client, 'SELECT pg_sleep(30)')
      await client.query('ROLLBACK')
    },
  ],
  [
    'with the answer to COMMIT, which was found out',
    async (client) => {
      await client.query('BEGIN')
      await client.query('CREATE TABLE IF NOT EXISTS other (a int)')
      await cutOff(client, 'COMMIT')
    },
  ],
]

const insert = 'INSERT INTO item VALUES (1)'
const tries: readonly [string, (client: pg.ClientBase) => Promise<unknown>][] = [
  ['a statement', (client) => client.query(insert)],
  ['a statement with values', (client) => client.query('INSERT INTO item VALUES ($1)', [1])],
  ['a cursor', (client) => client.query(new Cursor(`${insert} RETURNING a`)).read(1)],
  ["a query of the caller's", (client) => asQuery(client, insert)],
  ['BEGIN', (client) => client.query('BEGIN')],
  ['several in one text, a ROLLBACK first', (client) => client.query(`ROLLBACK; ${insert}`)],
]

function asQuery(client: pg.ClientBase, text: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.query(new pg.Query(text, (error) => (error ? reject(error) : resolve(undefined))))
  })
}

describe.each([
  ['its lock', 'SELECT pg_advisory_lock(1)'],
  ['its temporary table', 'CREATE TEMP TABLE own (a int)'],
])('a session that lost %s', (_what, hold) => {
  it.each(losses)('%s does nothing more for whoever holds it', async (_how, lose) => {
    const pool = poolOn(place.url, { exactlyOnce: false })
    const client = await pool.connect()
    await client.query(hold)
    await client.query('SELECT 1')
    await lose(client)
    for (const [, attempt] of [...tries, ...tries]) {
      const told = await failure(attempt(client))
      expect(told).toMatchObject({ outcome: 'not-sent', reason: 'anchored' })
    }
    await client.query('ROLLBACK')
    expect(await failure(client.query(insert))).toMatchObject({ reason: 'anchored' })
    expect(await written()).toBe(0)
    client.release()
    await pool.query(insert)
    expect(await written()).toBe(1)
    await pool.end()
  })
})

describe('a client that no pool of pg looks after says once that it is of no use any more', () => {
  const alone = async (): Promise<{ client: pg.Client; errors: unknown[] }> => {
    const { Client } = reprise({ backoff: { base: 1, cap: 20 } })
    const client = new Client({ connectionString: place.url })
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    await client.connect()
    return { client, errors }
  }
  it.each(losses.filter(([how]) => !how.includes('too long')))(
    'when its lock was lost %s',
    async (_how, lose) => {
      const { client, errors } = await alone()
      await client.query('SELECT pg_advisory_lock(2)')
      await client.query('SELECT 1')
      await lose(client)
      for (let i = 0; i < 3; i++) await failure(client.query(insert))
      expect(errors).toHaveLength(1)
      expect(typeof (errors[0] as { outcome?: unknown }).outcome).toBe('string')
      expect(await written()).toBe(0)
      await client.end()
    },
  )
  it('when its role cannot be taken again', async () => {
    await server.sql('CREATE ROLE gone_soon')
    const { client, errors } = await alone()
    await client.query('SET ROLE gone_soon')
    await kill(server, client)
    await server.sql('DROP ROLE gone_soon')
    for (let i = 0; i < 3; i++) await failure(client.query(insert))
    expect(errors).toHaveLength(1)
    expect(await written()).toBe(0)
    await client.end()
  })
  it('and nothing where all of it was made again', async () => {
    const { client, errors } = await alone()
    await client.query("SET app.who = 'a'")
    await kill(server, client)
    await client.query(insert)
    expect(errors).toEqual([])
    await client.end()
  })
})
