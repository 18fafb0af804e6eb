import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copy from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { createDatabase, kill } from './compare.ts'
import { failure, pidOf, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(
    'CREATE TABLE t (a int); CREATE TABLE big AS SELECT i, repeat(i::text, 500) AS pad FROM generate_series(1, 20000) i',
  )
  await admin.end()
})

/** What was asked of a client has been sent, behind whatever comes before it, and sleeps. */
async function asleep(client: object): Promise<void> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  const text = "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
  await until(async () => (await admin.query(text, [pidOf(client)])).rowCount === 1)
  await admin.end()
}

/** Starts something on a client and loses its backend in the midst of it. */
type Loss = (client: pg.PoolClient) => Promise<unknown>

const losses: [string, Loss][] = [
  [
    'a cursor between two reads',
    async (client) => {
      const cursor = client.query(new Cursor('SELECT * FROM big'))
      await cursor.read(10)
      await kill(client)
      const error = await failure(cursor.read(10))
      await cursor.close()
      await cursor.close()
      return error
    },
  ],
  [
    'a cursor during a read',
    async (client) => {
      const cursor = client.query(new Cursor('SELECT pg_sleep(60)'))
      const reading = failure(cursor.read(1))
      const closing = new Promise<void>((resolve) => setImmediate(resolve)).then(() =>
        cursor.close(),
      )
      await kill(client)
      await closing
      return reading
    },
  ],
  [
    'a query stream in the midst of for await',
    async (client) => {
      const seen: unknown[] = []
      return failure(
        (async () => {
          for await (const row of client.query(
            new QueryStream('SELECT * FROM big', [], { batchSize: 5 }),
          )) {
            if (seen.push(row) === 3) await kill(client)
          }
        })(),
      )
    },
  ],
  [
    'a query stream in a pipeline',
    async (client) => {
      let rows = 0
      const slow = new Writable({
        objectMode: true,
        write: (_row, _encoding, done) => {
          if (++rows === 3) kill(client).then(() => done(), done)
          else done()
        },
      })
      return failure(
        pipeline(client.query(new QueryStream('SELECT * FROM big', [], { batchSize: 5 })), slow),
      )
    },
  ],
  [
    'COPY to us',
    async (client) => {
      let killed = false
      return failure(
        (async () => {
          for await (const _chunk of client.query(
            copy.to('COPY (SELECT b.* FROM big b, big c) TO STDOUT'),
          )) {
            if (!killed) await kill(client)
            killed = true
          }
        })(),
      )
    },
  ],
  [
    'COPY from us',
    async (client) => {
      const lines = async function* (): AsyncGenerator<string> {
        yield '1\n'
        await until(
          async () =>
            (
              await other.query(
                "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND query LIKE 'COPY%' AND state = 'active'",
                [pidOf(client)],
              )
            ).rowCount,
        )
        await kill(client)
        for (;;) {
          yield '2\n'.repeat(1000)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const other = new pg.Client({ connectionString: url })
      await other.connect()
      const error = await failure(
        pipeline(Readable.from(lines()), client.query(copy.from('COPY t FROM STDIN'))),
      )
      await other.end()
      return error
    },
  ],
  [
    'a query of events',
    async (client) => {
      const query = client.query(new pg.Query('SELECT pg_sleep(60)'))
      const failed = new Promise((resolve) => query.on('error', resolve))
      await asleep(client)
      await kill(client)
      return failed
    },
  ],
  [
    'a query with a callback',
    async (client) => {
      const failed = new Promise((resolve) =>
        client.query(new pg.Query('SELECT pg_sleep(60)', resolve as never)),
      )
      await asleep(client)
      await kill(client)
      return failed
    },
  ],
]

const waits: [string, (client: pg.PoolClient) => Promise<unknown>][] = [
  ['it is asked who is there', async () => undefined],
  ['there is no connection', (client) => client.query('SELECT 1').then(() => kill(client))],
  [
    'another statement is under way',
    async (client) => void client.query('SELECT pg_sleep(0.01)').catch(() => undefined),
  ],
]

describe('what is closed while it waits', () => {
  it.each(waits)('because %s is not sent, and what comes behind it is', async (_why, waits) => {
    for (const close of [
      (client: pg.PoolClient) => client.query(new Cursor('SELECT 7')).close(),
      (client: pg.PoolClient) =>
        new Promise((resolve) =>
          client.query(new QueryStream('SELECT 7')).on('close', resolve).destroy(),
        ),
      (client: pg.PoolClient) =>
        new Promise((resolve) =>
          client.query(copy.to('COPY t TO STDOUT')).on('close', resolve).destroy(),
        ),
      (client: pg.PoolClient) =>
        new Promise((resolve) =>
          client
            .query(copy.from('COPY t FROM STDIN'))
            .on('error', () => undefined)
            .on('close', resolve)
            .destroy(),
        ),
    ]) {
      const pool = poolOn(url)
      const client = await pool.connect()
      await waits(client)
      const closed = close(client)
      expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
      await closed
      client.release()
      await pool.end()
    }
  })
})

describe('a loss', () => {
  it.each(losses)(
    'of %s ends it with an honest error, and the pool works on',
    async (_name, lose) => {
      const pool = poolOn(url)
      const client = await pool.connect()
      const error = await lose(client)
      expect(error).toMatchObject({
        code: expect.stringMatching(/^[0-9A-Z]{5}$/),
        outcome: expect.any(String),
        reason: expect.any(String),
      })
      expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
      client.release()
      expect((await pool.query('SELECT 2 AS a')).rows).toEqual([{ a: 2 }])
      expect(pool.totalCount).toBe(1)
      await pool.end()
      expect((await count()).rows).toEqual([{ n: 0 }])
    },
  )
  it.each(losses)('of %s in a transaction ends that, too', async (_name, lose) => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    expect(await lose(client)).toMatchObject({ outcome: 'rolled-back', reason: 'streamed' })
    const next = await failure(client.query('INSERT INTO t VALUES (2)'))
    expect(next).toMatchObject({ outcome: 'rolled-back' })
    expect(await failure(client.query('INSERT INTO t VALUES (3)'))).toMatchObject({ code: '25P02' })
    await client.query('ROLLBACK')
    expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
    client.release()
    await pool.end()
    expect((await count()).rows).toEqual([{ n: 0 }])
  })
  it('behind a finished cursor in a transaction cannot be replayed, and says so', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('BEGIN')
    const cursor = client.query(new Cursor('SELECT 1'))
    await cursor.read(5)
    await cursor.close()
    await kill(client)
    expect(await failure(client.query('SELECT 1'))).toMatchObject({
      outcome: 'rolled-back',
      reason: 'streamed',
    })
    await client.query('ROLLBACK')
    client.release()
    await pool.end()
  })
  it('before it is noticed by nobody: a cursor starts on the new connection', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await kill(client)
    expect(
      await client.query(new QueryStream('SELECT generate_series(1, 3) AS a')).toArray(),
    ).toHaveLength(3)
    client.release()
    await pool.end()
  })
})

async function count(): Promise<pg.QueryResult> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  const result = await admin.query('SELECT count(*)::int AS n FROM t')
  await admin.end()
  return result
}
