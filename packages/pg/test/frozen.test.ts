import { reprise } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { failure, listen, pidOf, poolOn } from './support.ts'

let primary: Server
let standby: Server

beforeAll(async () => {
  primary = await Server.start()
  await primary.sql('CREATE TABLE t (a int)')
  standby = await primary.standby()
}, 120_000)
afterAll(() => Promise.all([primary?.dispose(), standby?.dispose()]))

/** All that a client can hear of: its own backend, and who would take another connection. */
function freeze(server: Server, client: pg.PoolClient): Disposable {
  const pids = [server.pid, pidOf(client)]
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  return {
    [Symbol.dispose]() {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    },
  }
}

it('a statement on a server that stands still is told of when the deadline is over, not two of them', async () => {
  const pool = poolOn(primary.url, { probeAfter: 50, deadline: 8000 })
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('INSERT INTO t VALUES (1)')
  using told = listen('reprise:waiting')
  using _ = freeze(primary, client)
  expect(await failure(client.query('INSERT INTO t VALUES (2)'))).toMatchObject({
    outcome: 'rolled-back',
    reason: 'deadline',
  })
  // Said after 2 s of waiting: of what is left of the deadline, and not of another.
  for (const { left } of told.seen) expect(left).toBeLessThan(3000)
  client.release()
  await pool.end()
}, 60_000)

it('a primary that stands still is left for the one that was promoted in its place, long before the deadline', async () => {
  const hosts = [primary, standby].map(({ port }) => `127.0.0.1:${port}`)
  const options = { hosts, target: 'primary', probeAfter: 50, deadline: 600_000 } as const
  // For one try alone that is as long as all of it.
  const patient = { max: 2, connectionTimeoutMillis: 600_000 }
  const me = { user: 'postgres', database: 'postgres' }
  const pool = new pg.Pool({ ...me, ...patient, ...reprise(options) })
  const client = await pool.connect()
  await client.query('INSERT INTO t VALUES (1)')
  await client.query('BEGIN')
  const { rows } = await client.query('INSERT INTO t VALUES (3) RETURNING a')
  expect(rows).toEqual([{ a: 3 }])
  const caughtUp = async (): Promise<boolean> =>
    (await standby.sql('SELECT count(*)::int AS n FROM t'))[0]?.n === 1
  await until(caughtUp, { what: 'the standby to catch up' })
  using _ = freeze(primary, client)
  const work = client.query('INSERT INTO t VALUES (4)')
  // Nobody has taken its place yet.
  const fresh = pool.query('SELECT inet_server_port() AS port')
  await standby.promote()
  expect((await work).rowCount).toBe(1)
  await client.query('COMMIT')
  expect((await fresh).rows).toEqual([{ port: standby.port }])
  expect(await standby.sql('SELECT a FROM t ORDER BY a')).toEqual([{ a: 1 }, { a: 3 }, { a: 4 }])
  client.release()
  await pool.end()
}, 60_000)
