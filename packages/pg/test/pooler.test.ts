import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bouncer, hasBouncer, Server, until } from '../../../test/kit/index.ts'
import { listen, poolOn } from './support.ts'

// On a developer's machine PgBouncer may be missing; in CI it may not.
describe.runIf(hasBouncer() || process.env.CI)('behind PgBouncer', () => {
  let server: Server
  let url: string

  beforeAll(async () => {
    server = await Server.start()
    url = await server.createDatabase()
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    await admin.query('CREATE TABLE t (a int)')
    await admin.end()
  })
  afterAll(() => server?.dispose())

  const backends = async (): Promise<number[]> => {
    const rows = await server.sql(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'reprise-kit'",
    )
    return rows.map((row) => Number(row.pid))
  }

  it.each(['session', 'transaction'])(
    'transactions and writes survive a kill of the server connection (pool_mode %s)',
    async (mode) => {
      await using bouncer = await Bouncer.start(server, { pool_mode: mode })
      const pool = poolOn(bouncer.url(url))
      await pool.query('TRUNCATE t')
      const client = await pool.connect()
      for (let i = 0; i < 5; i++) {
        await client.query('BEGIN')
        await client.query('INSERT INTO t VALUES ($1)', [i])
        for (const pid of await backends()) await server.terminate(pid)
        await client.query('UPDATE t SET a = a')
        await client.query('COMMIT')
        await client.query('INSERT INTO t VALUES ($1)', [i])
      }
      const { rows } = await client.query('SELECT count(*)::int AS n FROM t')
      expect(rows).toEqual([{ n: 10 }])
      client.release()
      await pool.end()
    },
  )
  it.each(['session', 'transaction', 'statement'])(
    'a server that is down behind it is waited for, and no error surfaces (pool_mode %s)',
    async (mode) => {
      await using bouncer = await Bouncer.start(server, {
        pool_mode: mode,
        server_login_retry: 1,
      })
      const pool = poolOn(
        bouncer.url(url),
        { exactlyOnce: true, budget: { capacity: 20, deposit: 1e-9, perSecond: 1e-9 } },
        { max: 4 },
      )
      await pool.query('TRUNCATE t')
      using surfaced = listen('reprise:surface')
      using waiting = listen('reprise:waiting')
      await server.stop('fast')
      const inserts = [1, 2, 3, 4].map((a) => pool.query('INSERT INTO t VALUES ($1)', [a]))
      await until(() => waiting.seen.length > 0)
      expect(waiting.seen[0]).toMatchObject({ port: bouncer.port })
      await server.start()
      await Promise.all(inserts)
      expect((await pool.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 4 }])
      expect(surfaced.seen).toEqual([])
      await pool.end()
    },
    60_000,
  )
  it('server_idle_timeout closes an idle backend, and nobody notices', async () => {
    await using bouncer = await Bouncer.start(server, {
      pool_mode: 'transaction',
      server_idle_timeout: 1,
    })
    const pool = poolOn(bouncer.url(url))
    await pool.query('SELECT 1')
    await until(async () => (await backends()).length === 0)
    expect((await pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    await pool.end()
  })
  it('client_idle_timeout closes an idle session, and nobody notices', async () => {
    await using bouncer = await Bouncer.start(server, {
      pool_mode: 'transaction',
      client_idle_timeout: 1,
    })
    const pool = poolOn(bouncer.url(url), {}, { idleTimeoutMillis: 0 })
    using losses = listen('reprise:loss')
    await pool.query('SELECT 1')
    await until(() => losses.seen.length === 1)
    expect(losses.seen).toMatchObject([{ idle: true, outcome: 'not-sent' }])
    expect((await pool.query('INSERT INTO t VALUES (1)')).rowCount).toBe(1)
    await pool.end()
  })
  it('a cut on the way leaves a transaction done once, by its id', async () => {
    await using bouncer = await Bouncer.start(server, { pool_mode: 'transaction' })
    const pool = poolOn(bouncer.url(url))
    await pool.query('TRUNCATE t')
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    ;(
      client as unknown as { connection: { stream: { destroy(): void } } }
    ).connection.stream.destroy()
    await client.query('COMMIT')
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1 }])
    client.release()
    await pool.end()
  })
})
