import pg from 'pg'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import {
  authenticationOk,
  FakeServer,
  type Peer,
  readyForQuery,
  until,
} from '../../../test/kit/index.ts'
import { createDatabase, kill, sessionOn } from './compare.ts'
import { failure, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

async function killIdle(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  client.release()
  await kill(client)
}

const hooks: [string, (pool: pg.Pool) => void, pg.PoolConfig][] = [
  [
    "pool.on('connect')",
    (pool) => void pool.on('connect', (client) => void client.query("SET app.name = 'kept'")),
    {},
  ],
  [
    'onConnect',
    () => undefined,
    {
      onConnect: async (client: pg.ClientBase) =>
        void (await client.query("SET app.name = 'kept'")),
    } as pg.PoolConfig,
  ],
  [
    'verify',
    () => undefined,
    {
      verify: (client: pg.Client, done: (error?: Error) => void) =>
        void client.query("SET app.name = 'kept'", (error: Error) => done(error)),
    } as never,
  ],
]

describe('what a hook sets', () => {
  it.each(hooks)(
    '(%s) is there from the start, survives kills, and the hook runs once',
    async (_name, hook, config) => {
      const pool = poolOn(url, {}, config)
      let connects = 0
      pool.on('connect', () => connects++)
      hook(pool)
      for (let i = 0; i < 3; i++) {
        const client = await pool.connect()
        expect((await client.query("SELECT current_setting('app.name') AS name")).rows).toEqual([
          { name: 'kept' },
        ])
        await kill(client)
        expect((await client.query("SELECT current_setting('app.name') AS name")).rows).toEqual([
          { name: 'kept' },
        ])
        client.release()
      }
      expect(connects).toBe(1)
      await pool.end()
    },
  )
  it('(onConnect) that fails is the error of connect(), and leaves no client behind', async () => {
    const pool = poolOn(url, {}, {
      onConnect: async () => {
        throw new Error('not today')
      },
    } as pg.PoolConfig)
    expect((await failure(pool.connect())).message).toBe('not today')
    await until(() => pool.totalCount === 0)
    await pool.end()
  })
})

describe('a pool', () => {
  it('keeps its clients and its counts through kills, and hears no error', async () => {
    const pool = poolOn(url, {}, { max: 3 })
    const heard: unknown[] = []
    for (const event of ['error', 'remove'] as const) pool.on(event, () => heard.push(event))
    const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    for (const client of clients) client.release()
    for (const client of clients) await kill(client)
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([3, 3, 0])
    await Promise.all(Array.from({ length: 20 }, () => pool.query('SELECT 1')))
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([3, 3, 0])
    expect(heard).toEqual([])
    await pool.end()
    await until(() => heard.length === 3)
    expect(heard).toEqual(['remove', 'remove', 'remove'])
    expect(pool.totalCount).toBe(0)
  })
  it('ends while a client of it is dead, or is being mended', async () => {
    const pool = poolOn(url, {}, { max: 2 })
    const [idle, busy] = await Promise.all([pool.connect(), pool.connect()])
    const answer = busy.query('SELECT 1 AS a, pg_sleep(0.05)')
    await kill(idle)
    await kill(busy)
    idle.release()
    const ended = pool.end()
    expect((await answer).rows).toMatchObject([{ a: 1 }])
    busy.release()
    await ended
    expect(pool.totalCount).toBe(0)
  })
  it('replaces a client after maxUses, and after maxLifetimeSeconds', async () => {
    const used = poolOn(url, {}, { maxUses: 2 })
    const pids = []
    for (let i = 0; i < 4; i++)
      pids.push((await used.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
    expect(pids[0]).toBe(pids[1])
    expect(pids[2]).toBe(pids[3])
    expect(pids[1]).not.toBe(pids[2])
    await used.end()
    const old = poolOn(url, {}, { maxLifetimeSeconds: 0.05 })
    await killIdle(old)
    await until(() => old.totalCount === 0)
    expect((await old.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
    await old.end()
  })
  it('removes an idle client after idleTimeoutMillis, dead or not', async () => {
    const pool = poolOn(url, {}, { idleTimeoutMillis: 20 })
    await killIdle(pool)
    await until(() => pool.totalCount === 0)
    await pool.end()
  })
  it('hands on an open transaction as pg does, but never one that was lost', async () => {
    const pool = poolOn(url)
    for (const dead of [false, true]) {
      const client = await pool.connect()
      await client.query('BEGIN')
      await client.query("SET LOCAL app.rest = 'open'")
      if (dead) await kill(client)
      client.release()
      const { rows } = await pool.query("SELECT current_setting('app.rest', true) AS found")
      if (dead) expect(rows[0].found).toBeOneOf([null, ''])
      else expect(rows).toEqual([{ found: 'open' }])
      await pool.query('ROLLBACK')
    }
    await pool.end()
  })
})

/** A server that asks for a password in clear text and writes down what it is told. */
async function asking(right: string, told: string[]): Promise<FakeServer> {
  const ask = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])
  return FakeServer.start(async (peer: Peer) => {
    await peer.read()
    await peer.send(ask)
    const { body } = await peer.read()
    const password = body.toString('utf8', 0, body.length - 1)
    told.push(password)
    if (password !== right) return
    await peer.send(authenticationOk, readyForQuery('I'))
    for (;;) {
      const [frame] = await peer.readUntilSync()
      if (frame?.text === 'die') return
      await peer.send(Buffer.from('C\0\0\0\rSELECT 1\0', 'latin1'), readyForQuery('I'))
    }
  })
}

/** A url without a password would overrule the function. */
const at = ({ port }: FakeServer): pg.ClientConfig => ({
  host: '127.0.0.1',
  port,
  user: 'u',
  database: 'd',
})

describe('a password function', () => {
  it('is asked at each connection, and may answer another each time', async () => {
    const told: string[] = []
    await using server = await asking('right', told)
    let asked = 0
    const client = sessionOn({
      ...at(server),
      password: async () => (++asked === 2 ? 'wrong' : 'right'),
    })
    await client.connect()
    await client.query('SELECT 1')
    await failure(client.query('die'))
    await client.query('SELECT 2')
    expect(told[0]).toBe('right')
    expect(told.at(-1)).toBe('right')
    expect(asked).toBe(told.length)
    await client.end()
  })
  it.each([
    [
      'that throws',
      () => {
        throw new Error('no vault')
      },
      'no vault',
    ],
    ['that answers no text', () => 5, 'Password must be a string'],
  ])('%s is the error of connect(), as with a plain client', async (_name, password, message) => {
    await using server = await asking('right', [])
    for (const client of [
      new pg.Client({ ...at(server), password: password as never }),
      sessionOn({ ...at(server), password: password as never }),
    ]) {
      client.on('error', () => undefined)
      expect((await failure(client.connect())).message).toBe(message)
      await client.end()
    }
  })
})

it('SSL options reach the connection: a server without SSL is refused as by a plain client', async () => {
  for (const ssl of [true, { rejectUnauthorized: false }]) {
    const plain = new pg.Client({ connectionString: url, ssl })
    plain.on('error', () => undefined)
    const { message } = await failure(plain.connect())
    const pool = poolOn(url, {}, { ssl })
    expect((await failure(pool.connect())).message).toBe(message)
    expect(pool.totalCount).toBe(0)
    await pool.end()
  }
})
