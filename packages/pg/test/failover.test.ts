import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { tokenTable } from '../src/index.ts'
import { failure, poolOn, proxied, undone } from './support.ts'

/** Brings a server back as a standby, which refuses writes until it is promoted. */
async function demote(server: Server): Promise<void> {
  await server.stop('fast')
  await writeFile(join(server.directory, 'standby.signal'), '', { mode: 0o666 })
  await server.start()
}

async function promote(server: Server): Promise<void> {
  await server.sql('SELECT pg_promote(true, 30)')
  await rm(join(server.directory, 'standby.signal'), { force: true })
}

async function standby(body: (server: Server) => Promise<void>): Promise<void> {
  const server = await Server.start({ settings: { fsync: 'on' } })
  try {
    await body(server)
  } finally {
    await server.dispose()
  }
}

describe('after a failover', () => {
  it('a session that wrote looks on until a server takes its writes', async () => {
    await standby(async (server) => {
      const pool = poolOn(server.url)
      const client = await pool.connect()
      await client.query('CREATE TABLE t (a int)')
      await demote(server)
      const written = client.query('INSERT INTO t VALUES (1)')
      await until(
        async () =>
          (
            await server.sql('SELECT count(*)::int AS n FROM pg_stat_database WHERE sessions > 3')
          )[0] !== undefined,
      )
      await promote(server)
      expect((await written).rowCount).toBe(1)
      client.release()
      await pool.end()
    })
  })
  it('within its deadline: then the error says that the server is read-only', async () => {
    await standby(async (server) => {
      const pool = poolOn(server.url, { deadline: 500 })
      const client = await pool.connect()
      await client.query('CREATE TABLE t (a int)')
      await demote(server)
      expect(await failure(client.query('INSERT INTO t VALUES (1)'))).toMatchObject({
        outcome: undone,
        reason: 'deadline',
        cause: { code: '25006' },
      })
      client.release()
      await pool.end()
    })
  })
  it('a session that only reads is content with a standby', async () => {
    await standby(async (server) => {
      const pool = poolOn(server.url)
      const client = await pool.connect()
      await client.query('SELECT 1')
      await demote(server)
      expect((await client.query('SELECT pg_is_in_recovery() AS standby')).rows).toEqual([
        { standby: true },
      ])
      client.release()
      await pool.end()
    })
  })
  it.each([
    ['by its id stays in doubt: another history knows nothing of it', 'xid', 'in-doubt'],
    ['by its token is resolved', 'token', 'committed'],
  ])('a COMMIT whose reply was lost %s', async (_promise, kind, outcome) => {
    await standby(async (server) => {
      await using link = await proxied(server)
      const admin = new pg.Client({ connectionString: link.direct })
      await admin.connect()
      await admin.query(`CREATE TABLE t (a int); ${tokenTable('tokens').create}`)
      await admin.end()
      const pool = poolOn(link.url, { witness: kind === 'token' ? { token: 'tokens' } : 'xid' })
      const client = await pool.connect()
      link.proxy.onFrame((frame) => {
        if (frame.from !== 'server' || frame.text !== 'COMMIT') return 'pass'
        link.proxy.refuse(true)
        return 'reset'
      })
      await client.query('BEGIN')
      await client.query('INSERT INTO t VALUES (1)')
      const committed = client.query('COMMIT').then(
        () => 'committed',
        (error) => error.outcome,
      )
      await until(() => link.proxy.connections.length === 0)
      await demote(server)
      await promote(server)
      link.proxy.refuse(false)
      expect(await committed).toBe(outcome)
      client.release()
      await pool.end()
    })
  })
})

describe('a statement that a standby refused (25006)', () => {
  it('is the answer of a session that never wrote', async () => {
    await standby(async (server) => {
      await server.sql('CREATE TABLE t (a int)')
      await demote(server)
      const pool = poolOn(server.url)
      expect(await failure(pool.query('INSERT INTO t VALUES (1)'))).toMatchObject({ code: '25006' })
      await pool.end()
    })
  })
  it('is delivered as it is when the application itself asked for read only', async () => {
    await standby(async (server) => {
      const pool = poolOn(server.url)
      const client = await pool.connect()
      await client.query('CREATE TABLE t (a int)')
      await client.query('BEGIN READ ONLY')
      expect(await failure(client.query('INSERT INTO t VALUES (1)'))).toMatchObject({
        name: 'error',
        code: '25006',
        severity: 'ERROR',
      })
      await client.query('ROLLBACK')
      expect((await client.query('INSERT INTO t VALUES (1)')).rowCount).toBe(1)
      client.release()
      await pool.end()
    })
  })
})
