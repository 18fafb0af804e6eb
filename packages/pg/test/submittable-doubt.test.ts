import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copy from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, Server, until } from '../../../test/kit/index.ts'
import { failure, poolOn, proxied } from './support.ts'

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

type Use = (client: pg.ClientBase) => Promise<unknown>

const own = (client: pg.ClientBase, text: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    client.query(new pg.Query(text)).on('end', resolve).on('error', reject)
  })

/** What drives the wire itself and writes, each behind a lock that somebody else has. */
const writes: readonly [name: string, use: Use][] = [
  ['a query of the own making', (client) => own(client, 'UPDATE t SET n = n + 1')],
  ['several in one text', (client) => own(client, 'ROLLBACK; UPDATE t SET n = n + 1; SELECT 1')],
  [
    'the end of a transaction and more',
    async (client) => {
      await client.query('BEGIN')
      await own(client, 'COMMIT; UPDATE t SET n = n + 1')
    },
  ],
  ['a cursor', (client) => client.query(new Cursor('UPDATE t SET n = n + 1 RETURNING n')).read(10)],
  [
    'a query stream',
    async (client) => {
      for await (const _ of client.query(new QueryStream('UPDATE t SET n = n + 1 RETURNING n')));
    },
  ],
  [
    'a COPY',
    (client) => pipeline(Readable.from(['1\n']), client.query(copy.from('COPY t (n) FROM STDIN'))),
  ],
]

describe('a doubt about what drives the wire itself', () => {
  it.each(writes)('is told when nothing of it can go on any more: %s', async (_name, use) => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query('CREATE TABLE t AS SELECT 0 AS n')
    const pool = poolOn(link.url)
    const client = await pool.connect()
    await client.query('SELECT 1')
    await admin.query('BEGIN; LOCK TABLE t')
    const lost = failure(use(client))
    const waits = async (): Promise<boolean> =>
      (await server.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).length > 0
    await until(waits, { what: 'the write to wait' })
    for (const connection of link.proxy.connections) connection.reset()
    expect(outcomeOf(await lost)).toBe('in-doubt')
    // Whoever looks it up now sees what will be.
    await admin.query('COMMIT')
    expect(await waits()).toBe(false)
    expect((await admin.query('SELECT n FROM t')).rows).toEqual([{ n: 0 }])
    await client.query('ROLLBACK')
    expect((await client.query('UPDATE t SET n = n + 1')).rowCount).toBe(1)
    expect((await admin.query('SELECT n FROM t')).rows).toEqual([{ n: 1 }])
    client.release()
    await Promise.all([pool.end(), admin.end()])
  })
  it('is told when its query_timeout is over, where there is no server to ask', async () => {
    await using link = await proxied(server)
    const pool = poolOn(link.url, {}, { query_timeout: 500 })
    const client = await pool.connect()
    await client.query('SELECT 1')
    const lost = failure(client.query(new Cursor('SELECT pg_sleep(60)')).read(1))
    const sleeps = async (): Promise<boolean> =>
      (await server.sql("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length > 0
    await until(sleeps, { what: 'the cursor to wait' })
    link.proxy.refuse(true)
    for (const connection of link.proxy.connections) connection.reset()
    expect(await lost).toMatchObject({ outcome: 'in-doubt', reason: 'timeout' })
    client.release(true)
    await pool.end()
  }, 10_000)
  it('ends the transaction that it is in, also where its error was told before', async () => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query(`CREATE TABLE t (n int); CREATE PROCEDURE ends() LANGUAGE plpgsql AS
      $$BEGIN COMMIT; END$$`)
    const pool = poolOn(link.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    link.proxy.onFrame(({ from, type }) =>
      from === 'server' && type === 'E' ? 'pass-then-reset' : 'pass',
    )
    const told = await failure(client.query(new Cursor('CALL ends()')).read(1))
    expect(told).toMatchObject({ code: '2D000' })
    // Outside its transaction none of it may run.
    expect(typeof outcomeOf(await failure(client.query('INSERT INTO t VALUES (2)')))).toBe('string')
    expect((await admin.query('SELECT FROM t')).rowCount).toBe(0)
    await client.query('ROLLBACK')
    client.release()
    await Promise.all([pool.end(), admin.end()])
  })
})
