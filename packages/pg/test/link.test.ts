import dns from 'node:dns'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/kit/free-port.ts'
import {
  authenticationOk,
  backendKeyData,
  commandComplete,
  dataRow,
  FakeServer,
  fatal,
  parameterStatus,
  readyForQuery,
  rowDescription,
  Server,
  until,
} from '../../../test/kit/index.ts'
import { Backend, greeting, instead } from './backend.ts'
import { failure, kill, listen, poolOn } from './support.ts'

/** A pause that no test waits for. */
const endless = { base: 2 ** 30, cap: 2 ** 30 }

let server: Server
let refused = 0

beforeAll(async () => {
  server = await Server.start({
    log: (line) => {
      if (line.includes('too many connections for role')) refused += 1
    },
  })
})
afterAll(() => server?.dispose())

describe('silent connections', () => {
  it('are asked after over one connection at a time, however many there are', async () => {
    const url = new URL(await server.createDatabase('silent'))
    await server.sql('CREATE ROLE narrow LOGIN CONNECTION LIMIT 6')
    const holder = new pg.Client({ connectionString: url.href })
    await holder.connect()
    await holder.query('SELECT pg_advisory_lock(1)')
    url.username = 'narrow'
    const pool = poolOn(url.href, { probeAfter: 30 }, { max: 5 })
    const before = await sessionsOf('silent')
    const waiting = Array.from({ length: 5 }, () =>
      pool.query('SELECT pg_advisory_xact_lock(1)::text'),
    )
    await until(async () => (await sessionsOf('silent')) >= before + 8, { what: 'three probes' })
    await holder.end()
    expect(await Promise.all(waiting)).toHaveLength(5)
    expect(refused).toBe(0)
    await pool.end()
  })
  it('a server that has no room for the question is not pressed, nor taken to be down', async () => {
    const url = new URL(await server.createDatabase('full'))
    await server.sql('CREATE ROLE full_role LOGIN CONNECTION LIMIT 1')
    const holder = new pg.Client({ connectionString: url.href })
    await holder.connect()
    await holder.query('SELECT pg_advisory_lock(2)')
    url.username = 'full_role'
    refused = 0
    const pool = poolOn(url.href, { probeAfter: 30, backoff: endless })
    const slow = pool.query('SELECT pg_advisory_xact_lock(2)::text')
    // With the endless pause of a gate that is shut, a second question would never come.
    await until(() => refused >= 2, { what: 'two questions' })
    await holder.end()
    expect((await slow).rowCount).toBe(1)
    await pool.end()
    refused = 0
  })
})

async function sessionsOf(database: string): Promise<number> {
  const rows = await server.sql(
    'SELECT sessions::int AS n FROM pg_stat_database WHERE datname = $1',
    [database],
  )
  return Number(rows[0]?.n)
}

describe('work that loses one new connection after the other', () => {
  it('is no runaway query because of how long that takes', async () => {
    const terminated = instead(fatal('57P01', 'ProcessInterrupts'))
    const operatorAfter = 200
    const slow = async (): Promise<boolean> => {
      await pause(2 * operatorAfter)
      return true
    }
    await using backend = await Backend.start(
      [
        { 'SELECT 2': terminated },
        // The replay is interrupted as well, long after the statement was.
        { '': slow, 'SELECT 1': terminated },
      ],
      { restarted: false },
    )
    const pool = poolOn(backend.url, { operatorAfter })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1')
    expect((await client.query('SELECT 2')).rows).toHaveLength(1)
    expect(backend.lives.at(-1)).toEqual(['BEGIN', 'SELECT 1', 'SELECT 2'])
    client.release()
    await pool.end()
  })
  it('and that never came to be sent is given up at the deadline, not when it was lost often', async () => {
    // Each answers who it is, and is gone before anything else can be sent.
    await using hasty = await FakeServer.start(async (peer) => {
      await peer.startup()
      if (peer.number === 1) return
      await peer.read()
      await peer.send(
        rowDescription(['a']),
        dataRow(['1']),
        commandComplete('SELECT 1'),
        readyForQuery('I'),
        fatal('57P01', 'ProcessInterrupts'),
      )
    })
    const pool = poolOn(hasty.url, { backoff: { base: 100, cap: 200 }, deadline: 400 })
    using lost = listen('reprise:loss')
    const client = await pool.connect()
    await until(() => lost.seen.length > 0)
    // Where its end comes in a packet of its own, the work may be sent after all, once.
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'deadline' })
    client.release()
    await pool.end()
  })
  it('a login without an answer behind it, as a pooler gives, is a try that failed', async () => {
    const hollow = greeting(
      authenticationOk,
      parameterStatus('client_encoding', 'UTF8'),
      backendKeyData(9, 9),
      readyForQuery('I'),
    )
    const first = { 'SELECT 1': instead(fatal('57P01', 'ProcessInterrupts')) }
    await using backend = await Backend.start([first, { '': hollow }, { '': hollow }])
    const pool = poolOn(backend.url, { backoff: endless, deadline: 300 })
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ reason: 'deadline' })
    expect(backend.fake.connections).toBe(2)
    await pool.end()
  })
})

describe('a server that is down', () => {
  it('is waited for, which is told, with its address and what it says', async () => {
    const port = await freePort()
    using told = listen('reprise:waiting')
    const pool = poolOn(
      `postgres://me@127.0.0.1:${port}/shop`,
      { deadline: 3000 },
      { application_name: 'till' },
    )
    const error = await failure(pool.query('SELECT 1'))
    expect(error).toMatchObject({ code: 'ECONNREFUSED', reason: 'deadline', outcome: 'not-sent' })
    expect(error.message).toBe(`connect ECONNREFUSED 127.0.0.1:${port}`)
    expect(told.seen).toMatchObject([
      { host: '127.0.0.1', port, database: 'shop', applicationName: 'till', cause: 'ECONNREFUSED' },
    ])
    expect(told.seen[0]?.left).toBeLessThan(3000)
    await pool.end()
  })
  it('fails a session at once that asked for that (failFast), until it is up', async () => {
    await using own = await Server.start()
    const [patient, hasty] = [poolOn(own.url), poolOn(own.url, { failFast: true })]
    await Promise.all([patient.query('SELECT 1'), hasty.query('SELECT 1')])
    await own.stop('fast')
    const waits = patient.query('SELECT 1 AS one')
    const error = await failure(hasty.query('SELECT 1'))
    expect(error).toMatchObject({ reason: 'down' })
    expect(error.message).toContain(`127.0.0.1:${own.port}`)
    expect(await failure(poolOn(own.url, { failFast: true }).connect())).toMatchObject({
      reason: 'down',
      outcome: 'not-sent',
    })
    await own.start()
    expect((await waits).rows).toEqual([{ one: 1 }])
    expect((await hasty.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await Promise.all([patient.end(), hasty.end()])
  })
  it('fails it also where nobody else looks whether it is up again', async () => {
    await using own = await Server.start()
    const hasty = poolOn(own.url, { failFast: true })
    await hasty.query('SELECT 1')
    await own.stop('fast')
    expect(await failure(hasty.query('SELECT 1'))).toMatchObject({ reason: 'down' })
    await own.start()
    const isUp = (): Promise<boolean> =>
      hasty.query('SELECT 1').then(
        () => true,
        () => false,
      )
    await until(isUp, { what: 'it to be found up' })
    await hasty.end()
  })
})

describe.each([
  ['PgBouncer', '08P01', fatal('08P01', '', { without: ['F', 'L', 'R', 'V'] })],
  [
    'pgpool-II',
    'XX000',
    fatal('XX000', '', { file: 'pool_connection_pool.c', without: ['R', 'V'] }),
  ],
  ['Supavisor', 'XX000', fatal('XX000', '', { without: ['F', 'L', 'R'] })],
])('a pooler that cannot reach its server, as %s says it (%s),', (_name, code, refusal) => {
  it('is waited for where it could before', async () => {
    await using backend = await Backend.start([
      { 'SELECT 1': instead(fatal('57P01', 'ProcessInterrupts')) },
      { '': greeting(refusal) },
      { '': greeting(refusal) },
    ])
    const pool = poolOn(backend.url)
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.fake.connections).toBe(4)
    await pool.end()
  })
  it('refuses at once where it never did: it may be a name that it does not know', async () => {
    await using backend = await Backend.start([{ '': greeting(refusal) }])
    const pool = poolOn(backend.url)
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ code })
    expect(backend.fake.connections).toBe(1)
    await pool.end()
  })
})

describe('a server that refuses by the codes of poolers, and names its routine,', () => {
  it.each(['08P01', 'XX000'])('is not waited for (%s)', async (code) => {
    await using backend = await Backend.start([
      { 'SELECT 1': instead(fatal('57P01', 'ProcessInterrupts')) },
      { '': greeting(fatal(code, 'InitPostgres', { file: 'postinit.c' })) },
    ])
    const pool = poolOn(backend.url)
    const error = await failure(pool.query('SELECT 1'))
    expect(error).toMatchObject({ reason: 'refused', cause: { code } })
    expect(backend.fake.connections).toBe(2)
    await pool.end()
  })
})

describe('a name that does not resolve (ENOTFOUND)', () => {
  const { lookup } = dns
  let known = true
  beforeAll(() => {
    Object.assign(dns, {
      lookup: (host: string, options: object, done: (...answer: unknown[]) => void) => {
        if (!host.endsWith('.reprise.test'))
          return Reflect.apply(lookup, dns, [host, options, done])
        const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })
        const all = 'all' in options && options.all === true
        if (!known) process.nextTick(done, unknown)
        else if (all) process.nextTick(done, null, [{ address: '127.0.0.1', family: 4 }])
        else process.nextTick(done, null, '127.0.0.1', 4)
      },
    })
  })
  afterAll(() => {
    Object.assign(dns, { lookup })
  })
  const named = async (name: string): Promise<string> => {
    const url = new URL(await server.createDatabase())
    url.hostname = `${name}.reprise.test`
    return url.href
  }

  it('passes where it has resolved before', async () => {
    known = true
    const pool = poolOn(await named('moves'))
    const client = await pool.connect()
    await kill(server, client)
    known = false
    const answer = client.query('SELECT 1 AS one')
    answer.catch(() => undefined)
    await until(
      () =>
        (client as unknown as { connection: { stream: { destroyed: boolean } } }).connection.stream
          .destroyed,
    )
    known = true
    expect((await answer).rows).toEqual([{ one: 1 }])
    client.release()
    await pool.end()
  })
  it('is refused at once where it never did', async () => {
    known = false
    const pool = poolOn(await named('typo'))
    const error = await failure(pool.query('SELECT 1'))
    expect(error).toMatchObject({ code: 'ENOTFOUND' })
    expect(error).not.toHaveProperty('reason')
    await pool.end()
  })
})

describe('a listening session that the server refuses', () => {
  it('in a transaction: what follows is told so, and runs nowhere', async () => {
    const url = new URL(await server.createDatabase())
    const admin = poolOn(url.href)
    await admin.query('CREATE TABLE t (a int)')
    await admin.query('CREATE ROLE hears LOGIN; GRANT ALL ON t TO hears')
    url.username = 'hears'
    const pool = poolOn(url.href)
    const client = await pool.connect()
    await client.query('LISTEN news')
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    await admin.query('ALTER ROLE hears NOLOGIN')
    using surfaced = listen('reprise:surface')
    await kill(server, client)
    await until(() => surfaced.seen.length === 1, { what: 'the refusal' })
    await admin.query('ALTER ROLE hears LOGIN')
    expect(await failure(client.query('INSERT INTO t VALUES (2)'))).toMatchObject({ code: '25P02' })
    expect(await failure(client.query('COMMIT'))).toMatchObject({ outcome: 'rolled-back' })
    await client.query('INSERT INTO t VALUES (3)')
    expect((await admin.query('SELECT a FROM t')).rows).toEqual([{ a: 3 }])
    client.release()
    await Promise.all([pool.end(), admin.end()])
  })
})
