import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeServer, Server, until } from '../../../test/kit/index.ts'
import { failure, kill, pidOf, poolOn, proxied, undone } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** A statement with a query_timeout of its own, over that of the client: it may be slow to be answered. */
const patient = (text: string): { text: string; query_timeout: number } => ({
  text,
  query_timeout: 20_000,
})

describe('memory', () => {
  it('a transaction of very many statements costs no more than its tape may take', async () => {
    const pool = poolOn(server.url, { maxTapeBytes: 1_000_000 })
    const client = await pool.connect()
    await client.query('BEGIN')
    const measure = (): number => {
      globalThis.gc?.()
      return process.memoryUsage().heapUsed
    }
    const before = measure()
    for (let i = 0; i < 20_000; i++) await client.query('SELECT $1::int', [i])
    // 20,000 statements with their rows would take tens of megabytes.
    if (globalThis.gc !== undefined) expect(measure() - before).toBeLessThan(8_000_000)
    await kill(server, client)
    expect(await failure(client.query('SELECT 1'))).toMatchObject({
      reason: 'not-replayable',
      outcome: 'rolled-back',
    })
    await client.query('ROLLBACK')
    client.release()
    await pool.end()
  })
})

describe("the application's own limits hold during a recovery", () => {
  it('query_timeout', async () => {
    const own = await Server.start()
    try {
      const pool = poolOn(own.url, {}, { query_timeout: 300 })
      await pool.query(patient('SELECT 1'))
      await own.stop('fast')
      expect(await failure(pool.query('SELECT 1'))).toMatchObject({
        reason: 'timeout',
        outcome: undone,
      })
      await own.start()
      expect((await pool.query(patient('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }])
      await pool.end()
    } finally {
      await own.dispose()
    }
  })
  it('query_timeout of what is in flight is in doubt, and the session goes on', async () => {
    const pool = poolOn(server.url, {}, { query_timeout: 200 })
    const client = await pool.connect()
    await client.query(patient('CREATE TABLE IF NOT EXISTS slow (a int)'))
    // What the session asks after that takes time of its own.
    await client.query(patient('SELECT 1'))
    expect(await failure(client.query('SELECT pg_sleep(60)'))).toMatchObject({
      reason: 'timeout',
      outcome: 'in-doubt',
    })
    expect(
      await failure(client.query('INSERT INTO slow SELECT 1 FROM pg_sleep(60)')),
    ).toMatchObject({ outcome: 'in-doubt' })
    expect((await client.query(patient('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }])
    client.release()
    await pool.end()
  })
  it('connectionTimeoutMillis, when the first connection cannot be made', async () => {
    const silent = await FakeServer.start((peer) => peer.hang())
    const pool = poolOn(silent.url, {}, { connectionTimeoutMillis: 100 })
    await failure(pool.connect())
    await pool.end()
    await silent.close()
  })
  it('the deadline, when nothing answers for longer', async () => {
    await using link = await proxied(server)
    const pool = poolOn(link.url, { deadline: 200 })
    await pool.query('SELECT 1')
    link.proxy.refuse(true)
    for (const connection of link.proxy.connections) connection.reset()
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ reason: 'deadline' })
    await pool.end()
  })
  it('the budget: when everything is lost, retries fade out', async () => {
    const pool = poolOn(server.url, { budget: { capacity: 2, perSecond: 0.0001, deposit: 0.0001 } })
    const client = await pool.connect()
    for (let i = 0; i < 2; i++) {
      await kill(server, client)
      await client.query('SELECT 1')
    }
    await kill(server, client)
    expect(await failure(client.query('SELECT 1'))).toMatchObject({
      reason: 'budget',
      outcome: 'not-sent',
    })
    client.release()
    await pool.end()
  })
})

describe('pool.end() during a recovery', () => {
  it('settles everything', async () => {
    const own = await Server.start()
    try {
      const pool = poolOn(own.url)
      const client = await pool.connect()
      await client.query('SELECT 1')
      await own.stop('fast')
      const first = failure(client.query('SELECT 1'))
      const second = failure(client.query('SELECT 2'))
      client.release()
      await pool.end()
      expect(await first).toMatchObject({ outcome: undone, reason: 'closed' })
      expect(await second).toMatchObject({ outcome: 'not-sent', reason: 'closed' })
    } finally {
      await own.dispose()
    }
  })
})

describe('a half-open connection', () => {
  it('is found, its backend ended, and a read executed elsewhere', async () => {
    await using link = await proxied(server)
    const pool = poolOn(link.url, { probeAfter: 50 })
    const client = await pool.connect()
    await client.query('SELECT 1')
    const pid = pidOf(client)
    for (const connection of link.proxy.connections) connection.freeze()
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(await server.sql('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid])).toEqual([])
    client.release()
    await pool.end()
  })
  it('in a transaction: its locks are let go of, and it is replayed', async () => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query('CREATE TABLE t (a int); INSERT INTO t VALUES (0)')
    const pool = poolOn(link.url, { probeAfter: 50 })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('UPDATE t SET a = a + 1')
    for (const connection of link.proxy.connections) connection.freeze()
    await client.query('UPDATE t SET a = a + 1')
    await client.query('COMMIT')
    expect((await admin.query('SELECT a FROM t')).rows).toEqual([{ a: 2 }])
    client.release()
    await pool.end()
    await admin.end()
  })
  it('is not taken for one while its statement is merely slow', async () => {
    const url = await server.createDatabase('merely_slow')
    const pool = poolOn(url, { probeAfter: 50 })
    const client = await pool.connect()
    const pid = pidOf(client)
    const slow = client.query('SELECT pg_sleep(3)')
    // The second session is the probe's.
    await until(async () => {
      const rows = await server.sql(
        "SELECT sessions > 1 AS probed FROM pg_stat_database WHERE datname = 'merely_slow'",
      )
      return rows[0]?.probed
    })
    await slow
    expect(pidOf(client)).toBe(pid)
    client.release()
    await pool.end()
  })
})
