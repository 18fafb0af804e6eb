import type pg from 'pg'
import Cursor from 'pg-cursor'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Proxy, Server, until } from '../../../test/kit/index.ts'
import { reprise } from '../src/index.ts'
import { failure, kill, poolOn, proxied } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.dispose())

interface Loss {
  readonly client: pg.PoolClient
  readonly proxy: Proxy
}

/** The next answer of the server does not come, and the connection neither. */
async function cutOff({ client, proxy }: Loss, text: string): Promise<void> {
  let once = true
  const off = proxy.onFrame(({ from }) => {
    if (!once || from !== 'server') return undefined
    once = false
    return 'reset'
  })
  await client.query(text).catch(() => undefined)
  off()
}

const twoCommits = 'DO $$ BEGIN PERFORM 1; COMMIT; PERFORM 1; COMMIT; END $$'

/** Ways for a session to be left without a connection, not all of them a loss while it is idle. */
const ways: readonly [string, (loss: Loss) => Promise<unknown>][] = [
  ['it was terminated while it was idle', ({ client }) => kill(server, client)],
  ['a statement of it was in doubt', (loss) => cutOff(loss, twoCommits)],
  [
    'it was given up with a statement that took too long',
    ({ client }) =>
      failure(client.query({ text: 'SELECT pg_sleep(9)', query_timeout: 400 } as pg.QueryConfig)),
  ],
  [
    'the same inside a transaction, which was ended',
    async ({ client }) => {
      await client.query('BEGIN')
      await failure(client.query({ text: 'SELECT pg_sleep(9)', query_timeout: 400 } as never))
      await client.query('ROLLBACK')
    },
  ],
  [
    'a cursor of it was lost',
    async ({ client }) => {
      const cursor = client.query(new Cursor('SELECT generate_series(1, 1000)'))
      await cursor.read(1)
      await kill(server, client)
      await cursor.read(1000).catch(() => undefined)
    },
  ],
  [
    'a transaction of it diverged, and was ended',
    async ({ client }) => {
      await client.query('BEGIN')
      await client.query('SELECT clock_timestamp()')
      await kill(server, client)
      await failure(client.query('SELECT 1'))
      await client.query('ROLLBACK')
    },
  ],
  [
    'it held a lock, and was terminated while it was idle',
    async ({ client }) => {
      await client.query('SELECT pg_advisory_lock(1)')
      await client.query('SELECT 1')
      await kill(server, client)
    },
  ],
  [
    'what it had called could not be asked after',
    async ({ client }) => {
      await client.query('SELECT hidden()')
      await kill(server, client)
    },
  ],
]

async function listening(
  { url, direct, proxy }: { url: string; direct: string; proxy: Proxy },
  body: (loss: Loss) => Promise<unknown>,
): Promise<void> {
  const admin = poolOn(direct)
  await admin.query(`CREATE FUNCTION hidden() RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RETURN set_config('app.hidden', 'x', false); END $$`)
  const pool = poolOn(url)
  const client = await pool.connect()
  client.on('error', () => undefined)
  let heard = 0
  client.on('notification', () => {
    heard += 1
  })
  await body({ client, proxy })
  // It was not there for the first ones, maybe; it must be for those that come.
  const hears = async (): Promise<boolean> => {
    await admin.query('NOTIFY news')
    return heard > 0
  }
  await until(hears, { what: 'a notification' })
  client.release()
  await Promise.all([pool.end(), admin.end()])
}

describe('a session that listens and asks for nothing more hears again', () => {
  it.each(ways)('when %s', async (_name, lose) => {
    await using place = await proxied(server)
    await listening(place, async (loss) => {
      const missed = new Promise<void>((resolve) =>
        loss.client.on('notificationsMissed', () => resolve()),
      )
      await loss.client.query('LISTEN news')
      await lose(loss)
      await missed
    })
  })
  it('when LISTEN was in a transaction, and the answer to its COMMIT was lost', async () => {
    await using place = await proxied(server)
    await listening(place, async (loss) => {
      await loss.client.query('BEGIN')
      await loss.client.query('LISTEN news')
      await loss.client.query('CREATE TABLE written (a int)')
      await cutOff(loss, 'COMMIT')
    })
  })
})

/** A session that listens loses a lock with its connection, and has another connection by the end. */
async function loseLock(client: pg.PoolClient): Promise<void> {
  const missed = new Promise<void>((resolve) => client.on('notificationsMissed', () => resolve()))
  await client.query('LISTEN news')
  await client.query('SELECT pg_advisory_lock(1)')
  await client.query('SELECT 1')
  await kill(server, client)
  await missed
}

describe('what no connection can be given again is told of', () => {
  it('though a session that listens has another one by then', async () => {
    await using place = await proxied(server)
    await listening(place, async ({ client }) => {
      await loseLock(client)
      for (let i = 0; i < 3; i++) {
        expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
      }
    })
  })
  it('by a cursor as by a statement', async () => {
    await using place = await proxied(server)
    await listening(place, async ({ client }) => {
      await loseLock(client)
      const cursor = client.query(new Cursor('SELECT 1'))
      expect(await failure(cursor.read(1))).toMatchObject({ reason: 'anchored' })
    })
  })
  it('though the statement that gave the connection up had only taken too long', async () => {
    const pool = poolOn(await server.createDatabase())
    const client = await pool.connect()
    await client.query('SELECT pg_advisory_lock(1)')
    await client.query('SELECT 1')
    const late = { text: 'SELECT pg_sleep(9)', query_timeout: 400 } as pg.QueryConfig
    expect(await failure(client.query(late))).toMatchObject({ reason: 'timeout' })
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    client.release()
    await pool.end()
  })
  it.each([
    [
      'a cursor',
      async (client: pg.PoolClient) => {
        const cursor = client.query(new Cursor('SELECT generate_series(1, 1000)'))
        await cursor.read(1)
        await kill(server, client)
        await cursor.read(1000).catch(() => undefined)
      },
    ],
    [
      'a statement',
      (client: pg.PoolClient) =>
        failure(client.query({ text: 'SELECT pg_sleep(9)', query_timeout: 400 } as never)),
    ],
  ])('but not to the next holder of a session that lost %s', async (_name, lose) => {
    const pool = poolOn(await server.createDatabase())
    const client = await pool.connect()
    await client.query('SELECT pg_advisory_lock(1)')
    await client.query('SELECT 1')
    await lose(client)
    client.release()
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })
})

describe('a session that listens and has asked for nothing', () => {
  /** Ways for its network to fall silent, or not to. */
  const silences: readonly [string, (proxy: Proxy) => void, boolean][] = [
    ['is lost when the network falls silent', ({ connections }) => connections[0]?.freeze(), true],
    ['is left alone while nobody notifies', () => undefined, false],
  ]
  it.each(silences)('%s', async (_, silence, lost) => {
    await using place = await proxied(server)
    const pool = poolOn(place.url, { probeAfter: 30 })
    const other = poolOn(place.direct)
    const client = await pool.connect()
    const heard: string[] = []
    client.on('notification', ({ payload }) => heard.push(payload ?? ''))
    client.on('notificationsMissed', () => heard.push('missed'))
    client.on('drain', () => heard.push('drain'))
    await client.query('LISTEN jobs')
    await until(() => heard.includes('drain'))
    heard.length = 0
    let pulses = 0
    place.proxy.onFrame(({ text, from }) => {
      if (from === 'client' && text.includes('SELECT 1')) pulses += 1
    })
    silence(place.proxy)
    if (lost) await until(() => heard.includes('missed'))
    else await until(() => pulses > 2)
    await other.query("SELECT pg_notify('jobs', 'one')")
    await until(() => heard.includes('one'))
    if (lost) expect(heard).toEqual(expect.arrayContaining(['missed', 'one']))
    else expect(heard).toEqual(['one'])
    // Its holder is in the midst of something.
    await client.query('BEGIN')
    pulses = 0
    await other.query('SELECT pg_sleep(0.5)')
    expect(pulses).toBe(0)
    await client.query('COMMIT')
    client.release()
    await pool.end()
    await other.end()
  })
})

describe('the holder of a lock who has asked for nothing', () => {
  it.each([
    ['is told when the network falls silent', true],
    ['is left alone while it does not', false],
  ])('%s', async (_, silent) => {
    await using place = await proxied(server)
    const { Client } = reprise({ probeAfter: 30, backoff: { base: 1, cap: 20 } })
    const client = new Client(place.url)
    const told: unknown[] = []
    client.on('error', (error) => told.push(error))
    await client.connect()
    await client.query('SELECT pg_advisory_lock(7)')
    let pulses = 0
    place.proxy.onFrame(({ text, from }) => {
      if (from === 'client' && text.includes('SELECT 1')) pulses += 1
    })
    if (silent) {
      await until(() => pulses > 0)
      place.proxy.connections[0]?.freeze()
      await until(() => told.length > 0)
      expect(told).toMatchObject([{ reason: 'anchored', outcome: 'not-sent' }])
      expect(await failure(client.query('SELECT 2'))).toMatchObject({ reason: 'anchored' })
    } else {
      await until(() => pulses > 2)
      expect(told).toEqual([])
      expect((await client.query('SELECT pg_advisory_unlock(7) AS was')).rows).toEqual([
        { was: true },
      ])
    }
    await client.end()
  })
  it('hears nothing of it once he has ended his client', async () => {
    await using place = await proxied(server)
    const { Client } = reprise({ probeAfter: 30, backoff: { base: 1, cap: 20 } })
    const client = new Client(place.url)
    const told: unknown[] = []
    client.on('error', (error) => told.push(error))
    await client.connect()
    await client.query('SELECT pg_advisory_lock(8)')
    let asked = false
    place.proxy.onFrame(({ text, from }) => {
      if (asked || from !== 'client' || text !== 'SELECT 1') return 'pass'
      asked = true
      return 'freeze'
    })
    await until(() => asked)
    await client.end()
    expect(told).toEqual([])
  })
})
