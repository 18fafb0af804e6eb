import { isReprised, reprise, reprisePool, tokenTable } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from './compare.ts'

let url: string
const pools: pg.Pool[] = []

beforeAll(async () => {
  url = await createDatabase()
})
afterAll(() => Promise.all(pools.map((pool) => pool.end())))

function open(config: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 1, ...config })
  pools.push(pool)
  return pool
}

test('reprise without a call is refused where it is spread', () => {
  expect(() => new pg.Pool({ connectionString: url, ...reprise })).toThrow(
    new TypeError('reprise is a function to be called: write ...reprise().'),
  )
})

test.each([undefined, null, 5, {}, '', 'a.'])('%s is no name of a token table', (name) => {
  expect(() => tokenTable(name as string)).toThrow(/must be named as 'table' or 'schema.table'/)
})

test.each(['30 days', Number.NaN, Number.POSITIVE_INFINITY, null])(
  '%s is no age of tokens to be removed',
  (age) => {
    expect(() => tokenTable('tokens').prune(age as number)).toThrow(/an age in milliseconds/)
  },
)

test('a pg.Client does not heed reprise(), and refuses to connect', async () => {
  const refused = 'reprise() makes the clients of a pool'
  const made = { connectionString: url, ...reprise() }
  await expect(new pg.Client(made).connect()).rejects.toThrow(refused)
  // pg has set its own limit of time by then, and ends what it found there when that is up.
  const { stream } = (made as unknown as { connection: { stream: { destroy(): void } } }).connection
  const { destroy } = stream
  const ended = new Promise<void>((resolve) => {
    stream.destroy = () => resolve(destroy())
  })
  const later = new pg.Client({ ...made, connectionTimeoutMillis: 1 })
  expect(() => later.connect(() => undefined)).toThrow(refused)
  await ended
  stream.destroy = destroy
})

describe('what a pg.Client refuses is no matter', () => {
  test('to a pool, whose options can be used for other clients afterwards', async () => {
    const pool = open(reprise())
    await pool.query('select 1')
    const { options } = pool as unknown as { options: pg.ClientConfig }
    const beside = new pg.Client(options)
    await beside.connect()
    await beside.end()
  })

  test('to the session class itself', async () => {
    const made = Object.freeze({ connectionString: url, ...reprise() })
    const client = new made.Client(made)
    await client.connect()
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })
})

test('a pool or a client in place of options is refused', () => {
  const wrong = open() as never
  expect(() => reprise(wrong)).toThrow(/this is a pool or a client: write reprisePool/)
  expect(() => reprisePool(open(), wrong)).toThrow('this is a pool or a client')
  expect(() => reprise(new pg.Client() as never)).toThrow('this is a pool or a client')
})

test.each([Number.POSITIVE_INFINITY, 2 ** 31, Number.NaN, -1])(
  'a deadline of %d, which a timer cannot keep, is refused',
  (milliseconds) => {
    expect(() => reprise({ deadline: milliseconds })).toThrow('at most 2147483647')
    expect(() => reprise({ probeAfter: milliseconds })).toThrow('at most 2147483647')
  },
)

describe('isReprised', () => {
  test('is true of a pool that makes sessions, and of its clients', async () => {
    const pool = open(reprise())
    expect(isReprised(pool)).toBe(true)
    const client = await pool.connect()
    expect(isReprised(client)).toBe(true)
    client.release()
    expect(isReprised(reprisePool(open()))).toBe(true)
  })

  test('is false of a plain pool, its clients, and what is neither', async () => {
    const pool = open()
    const client = await pool.connect()
    expect([pool, client, {}, undefined, null, 'pool', pg].map(isReprised)).not.toContain(true)
    client.release()
  })

  test('is false of a pool that still holds a client from before', async () => {
    const pool = open()
    const client = await pool.connect()
    expect(isReprised(reprisePool(pool))).toBe(false)
    client.release(true)
    expect(isReprised(pool)).toBe(true)
  })

  test('is true of a class derived from the session class', () => {
    class Traced extends reprise().Client {}
    expect(isReprised(open({ Client: Traced } as pg.PoolConfig))).toBe(true)
  })
})

test.each([
  ['an option', { replication: 'database' }],
  ['a connection string', { connectionString: 'postgres://h/d?replication=true' }],
])('a replication connection by %s is refused', (_name, config) => {
  const { Client } = reprise()
  expect(() => new Client(config as pg.ClientConfig)).toThrow(/^A replication connection/)
})
