import { createRequire } from 'node:module'
import { type RepriseOptions, reprise, reprisePool } from '@reprise/pg'
import pg from 'pg'
import { beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest'
import { createDatabase, kill } from './compare.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

/** Another copy of node-postgres, as an ORM that pins its own brings one. */
function anotherPg(): typeof pg {
  const require = createRequire(import.meta.url)
  const mine = (path: string): boolean =>
    /node_modules[\\/](pg|pg-pool|pg-protocol)[\\/]/.test(path)
  const before = Object.entries(require.cache).filter(([path]) => mine(path))
  for (const [path] of before) delete require.cache[path]
  try {
    return require('pg')
  } finally {
    for (const path of Object.keys(require.cache)) if (mine(path)) delete require.cache[path]
    Object.assign(require.cache, Object.fromEntries(before))
  }
}

const quick: RepriseOptions = { backoff: { base: 1, cap: 20 } }

describe('one line', () => {
  it('is spread into the options of a pool, and compiles without a cast', async () => {
    const pool = new pg.Pool({ connectionString: url, ...reprise(quick) })
    expectTypeOf(pool).toEqualTypeOf<pg.Pool>()
    const client = await pool.connect()
    expectTypeOf(client).toEqualTypeOf<pg.PoolClient>()
    await kill(client)
    expect((await client.query<{ a: number }>('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
    client.release()
    await pool.end()
  })
  it('is called on a pool that exists, and returns that very pool', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    await pool.query('SELECT 1')
    expect(reprisePool(pool, quick)).toBe(pool)
    expectTypeOf(reprisePool(pool)).toEqualTypeOf<pg.Pool>()
    // The client that was there before is what it was; the next one is a session.
    await pool.connect().then((client) => client.release(true))
    const client = await pool.connect()
    await kill(client)
    expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
    client.release()
    await pool.end()
  })
  it('may be called twice, and makes no session over a session', () => {
    const pool = new pg.Pool({ connectionString: url, ...reprise() })
    const { Client } = pool as unknown as { Client: unknown }
    reprisePool(pool)
    expect((pool as unknown as { Client: unknown }).Client).toBe(Client)
  })
  it('makes clients that show their class and query class as pg does', () => {
    const { Client } = reprise()
    expect((Client as unknown as typeof pg.Client & { Query: unknown }).Query).toBe(
      (pg.Client as unknown as { Query: unknown }).Query,
    )
    expect(new Client({ connectionString: url })).toBeInstanceOf(Client)
  })
  it('stands on the copy of pg that the pool is from', async () => {
    const other = anotherPg()
    expect(other.Client).not.toBe(pg.Client)
    const pool = reprisePool(new other.Pool({ connectionString: url, max: 1 }), quick)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('CREATE TABLE other (a int)')
    await kill(client)
    await client.query('INSERT INTO other VALUES ($1)', [1])
    await client.query('COMMIT')
    const error = await client.query('SELECT 1/0').catch((thrown) => thrown)
    expect(error).toBeInstanceOf(other.DatabaseError)
    client.release()
    await pool.end()
  })
})

describe('a wrong set-up is one clear sentence', () => {
  const wrong = (value: unknown): never => value as never
  const Native = Object.assign(class {}, { Query: class {} })
  it.each<[string, () => unknown, RegExp]>([
    [
      'an unknown option',
      () => reprise(wrong({ retries: 3 })),
      /no option 'retries': use one of deadline/,
    ],
    [
      'a deadline that is no number',
      () => reprise(wrong({ deadline: '5s' })),
      /'deadline' must be a number/,
    ],
    [
      'a negative deadline',
      () => reprise({ deadline: -1 }),
      /'deadline' must be a number that is not negative/,
    ],
    [
      'a replay that is none',
      () => reprise(wrong({ replay: true })),
      /'replay' must be 'verified' or 'off'/,
    ],
    [
      'a witness that is none',
      () => reprise(wrong({ witness: { table: 't' } })),
      /'witness' must be/,
    ],
    [
      'exactlyOnce that is neither',
      () => reprise(wrong({ exactlyOnce: 'yes' })),
      /'exactlyOnce' must be true or false/,
    ],
    [
      'a backoff that is a number',
      () => reprise(wrong({ backoff: 5 })),
      /'backoff' must be an object/,
    ],
    ['a gate of nobody', () => reprise({ gate: { concurrency: 0 } }), /'gate' must be an object/],
    ['options that are none', () => reprise(wrong('fast')), /options must be an object/],
    ['options that are null', () => reprise(wrong(null)), /options must be an object/],
    ['no pool', () => reprisePool(wrong(undefined)), /takes a pg\.Pool: pass/],
    ['a client for a pool', () => reprisePool(wrong(new pg.Client())), /takes a pg\.Pool: pass/],
    [
      'something like pg-native',
      () => reprisePool(wrong(Object.assign(new pg.Pool(), { Client: Native }))),
      /JavaScript client of node-postgres .* unset NODE_PG_FORCE_NATIVE/,
    ],
    [
      'a client that is not from pg',
      () => reprisePool(wrong({ Client: class {} })),
      /JavaScript client of node-postgres/,
    ],
    [
      'a pool with pipeline: true',
      () => reprisePool(new pg.Pool(wrong({ pipeline: true }))),
      /remove pipeline: true/,
    ],
    [
      'a client with pipeline: true',
      () => new (reprise().Client)(wrong({ pipeline: true })),
      /remove pipeline: true/,
    ],
  ])('%s', (_name, act, sentence) => {
    expect(act).toThrow(TypeError)
    expect(act).toThrow(sentence)
    expect(act).toThrow(/^[^\n]+\.$/)
  })
})
