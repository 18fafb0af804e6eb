import { repriseClient } from '@reprise/pg'
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createDatabase, kill } from './compare.ts'
import { failure, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

type Query = (this: unknown, ...asked: unknown[]) => unknown

const prototype = pg.Client.prototype as unknown as { query: Query }
const { query: plain } = prototype

/** What a wrapper saw: one entry for each statement that the application asked for. */
let spans: string[]
/** Wrappers whose callbacks were called. */
let ended = 0
let url: string
beforeAll(async () => {
  url = await createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query('CREATE TABLE t (a int)')
  await admin.end()
})
afterEach(() => {
  prototype.query = plain
})

function textOf(config: unknown): string {
  return typeof config === 'string' ? config : (config as { text: string }).text
}

/** How tracers wrap query(): each gets the one that it stands before. */
const wrappers: [string, (inner: Query) => Query][] = [
  [
    'watches',
    (inner) =>
      function (...asked) {
        spans.push(textOf(asked[0]))
        return inner.apply(this, asked)
      },
  ],
  [
    'hands on a copy with a comment',
    (inner) =>
      function (config, ...more) {
        spans.push(textOf(config))
        const drives = typeof (config as { submit?: unknown }).submit === 'function'
        const text = `${textOf(config)} /* trace */`
        const copy = typeof config === 'string' ? text : { ...(config as object), text }
        return inner.call(this, drives ? config : copy, ...more)
      },
  ],
  [
    'patches the callback',
    (inner) =>
      function (...asked) {
        spans.push(textOf(asked[0]))
        const last = asked.at(-1)
        if (typeof last === 'function') {
          asked[asked.length - 1] = (...told: unknown[]) => {
            ended++
            last(...told)
          }
        }
        const result = inner.apply(this, asked)
        return result instanceof Promise ? result.finally(() => ended++) : result
      },
  ],
  [
    'asks later',
    (inner) =>
      async function (...asked) {
        spans.push(textOf(asked[0]))
        await undefined
        return inner.apply(this, asked)
      },
  ],
]

const moments: [string, (wrap: () => void) => pg.Pool][] = [
  [
    'before reprise()',
    (wrap) => {
      wrap()
      return poolOn(url)
    },
  ],
  [
    'after reprise()',
    (wrap) => {
      const pool = poolOn(url)
      wrap()
      return pool
    },
  ],
]

describe.each(moments)('a wrapper of query() that came %s', (_when, make) => {
  it.each(wrappers)(
    'and %s sees each statement once, kills or not, and hangs nothing',
    async (name, wrap) => {
      spans = []
      ended = 0
      const pool = make(() => {
        prototype.query = wrap(plain)
      })
      const client = await pool.connect()
      expect((await client.query('SELECT $1::int AS a', [1])).rows).toEqual([{ a: 1 }])
      expect((await client.query({ text: 'SELECT 2 AS a', rowMode: 'array' })).rows).toEqual([[2]])
      const named = { name: 'n', text: 'SELECT $1::int AS a', values: [3], query_timeout: 15_000 }
      expect((await client.query(named)).rows).toEqual([{ a: 3 }])
      await client.query('BEGIN')
      await client.query('INSERT INTO t VALUES ($1)', [4])
      await kill(client)
      await client.query('INSERT INTO t VALUES ($1)', [5])
      await client.query('COMMIT')
      expect((await failure(client.query('SELECT nonsense'))).code).toBe('42703')
      expect((await client.query('SELECT a FROM t ORDER BY a')).rows).toEqual([{ a: 4 }, { a: 5 }])
      await client.query('TRUNCATE t')
      client.release()
      await pool.end()
      // The admin's client, which does the killing, is wrapped as well.
      if (name === 'patches the callback') expect(ended).toBe(11)
      expect(spans.filter((text) => !text.includes('terminate'))).toEqual([
        'SELECT $1::int AS a',
        'SELECT 2 AS a',
        'SELECT $1::int AS a',
        'BEGIN',
        'INSERT INTO t VALUES ($1)',
        'INSERT INTO t VALUES ($1)',
        'COMMIT',
        'SELECT nonsense',
        'SELECT a FROM t ORDER BY a',
        'TRUNCATE t',
      ])
    },
  )
  it.each(wrappers)('and %s lets callbacks, cursors and streams through', async (name, wrap) => {
    spans = []
    ended = 0
    const pool = make(() => {
      prototype.query = wrap(plain)
    })
    const client = await pool.connect()
    const rows = await new Promise((resolve, reject) =>
      client.query('SELECT 1 AS a', (error, result) =>
        error ? reject(error) : resolve(result.rows),
      ),
    )
    expect(rows).toEqual([{ a: 1 }])
    if (name !== 'asks later') {
      const cursor = client.query(new Cursor('SELECT generate_series(1, 3) AS a'))
      expect(await cursor.read(2)).toEqual([{ a: 1 }, { a: 2 }])
      await cursor.close()
      const seen = []
      for await (const row of client.query(new QueryStream('SELECT generate_series(1, 3) AS a')))
        seen.push(row.a)
      expect(seen).toEqual([1, 2, 3])
      const own = await new Promise((resolve) => {
        const told = (_error: unknown, result: pg.QueryResult): void => resolve(result.rows)
        client.query(new pg.Query('SELECT 2 AS a', told as never))
      })
      expect(own).toEqual([{ a: 2 }])
    }
    expect((await client.query('SELECT 3 AS a')).rows).toEqual([{ a: 3 }])
    client.release()
    await pool.end()
  })
  it('keeps a query_timeout of one query', async () => {
    spans = []
    const pool = make(() => {
      prototype.query = (wrappers[1] as [string, (inner: Query) => Query])[1](plain)
    })
    const client = await pool.connect()
    const error = await failure(
      client.query({ text: 'SELECT pg_sleep(60)', query_timeout: 50 } as pg.QueryConfig),
    )
    expect(error).toMatchObject({ reason: 'timeout' })
    expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
    client.release()
    await pool.end()
  })
})

describe('a subclass of pg.Client that overrides query()', () => {
  it('has its own fields, private ones too, and sees each statement once', async () => {
    const seen: unknown[] = []
    class Logging extends pg.Client {
      readonly #log = seen
      override query(...asked: never[]): never {
        this.#log.push(asked[0])
        return super.query(...(asked as [never])) as never
      }
    }
    const Client = repriseClient(Logging)
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query('SELECT 1')
    await kill(client)
    expect((await client.query('SELECT 2 AS a')).rows).toEqual([{ a: 2 }])
    await client.end()
    expect(seen).toEqual(['SELECT 1', 'SELECT 2 AS a'])
  })
})

describe('without a wrapper', () => {
  it('no client is made to be asked', async () => {
    let made = 0
    class Counted extends pg.Client {
      constructor(config?: pg.ClientConfig) {
        super(config)
        made++
      }
    }
    const client = new (repriseClient(Counted))({ connectionString: url })
    await client.connect()
    await client.query('SELECT 1')
    await client.end()
    expect(made).toBe(1)
  })
})
