import dns from 'node:dns'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type RepriseOptions, reprise } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../../test/kit/free-port.ts'
import { exampleOf, Proxy, runExample, Server, until } from '../../../test/kit/index.ts'
import { failure, kill, listen, pidOf, poolOn } from './support.ts'

let primary: Server
let standby: Server

beforeAll(async () => {
  primary = await Server.start()
  await primary.sql('CREATE TABLE t (a int)')
  standby = await primary.standby()
}, 120_000)
afterAll(() => Promise.all([primary?.dispose(), standby?.dispose()]))

const at = ({ port }: { port: number }): string => `127.0.0.1:${port}`
const quick: RepriseOptions = { backoff: { base: 1, cap: 20 } }
/** A pause that no test waits for. */
const endless = { base: 2 ** 30, cap: 2 ** 30 }
const me = { user: 'postgres', database: 'postgres' }

/** A pool of one session with one of these. */
function among(hosts: string[], options: RepriseOptions = {}): pg.Pool {
  return new pg.Pool({ ...me, max: 1, ...reprise({ ...quick, hosts, ...options }) })
}

async function portOf(client: pg.Pool | pg.PoolClient): Promise<number> {
  const { rows } = await client.query('SELECT inet_server_port() AS port')
  return rows[0].port
}

/** Where the first session of such a pool comes to. */
async function landing(pool: pg.Pool): Promise<Server | undefined> {
  const port = await portOf(pool).finally(() => pool.end())
  return [primary, standby].find((server) => server.port === port)
}

describe('the first connection already is to a server that will do', () => {
  const given = (order: 'primary first' | 'standby first'): string[] =>
    (order === 'primary first' ? [primary, standby] : [standby, primary]).map(at)
  it.each([
    ['any', 'standby first', 'standby'],
    ['any', 'primary first', 'primary'],
    ['primary', 'standby first', 'primary'],
    ['primary', 'primary first', 'primary'],
    ['read-write', 'standby first', 'primary'],
    ['standby', 'primary first', 'standby'],
    ['standby', 'standby first', 'standby'],
    ['read-only', 'primary first', 'standby'],
    ['prefer-standby', 'primary first', 'standby'],
  ] as const)('%s, %s: the %s', async (target, order, expected) => {
    const server = { primary, standby }[expected]
    expect(await landing(among(given(order), { target }))).toBe(server)
    const url = `postgres://postgres@${given(order)}/postgres?target_session_attrs=${target}`
    expect(await landing(poolOn(url))).toBe(server)
  })
  it('prefer-standby: the primary, where there is no standby', async () => {
    const hosts = [`127.0.0.1:${await freePort()}`, at(primary)]
    expect(await landing(among(hosts, { target: 'prefer-standby' }))).toBe(primary)
  })
  it('read-write: none whose transactions are read-only by default, although it is a primary', async () => {
    const url = `postgres://postgres@${at(primary)},${at(standby)}/postgres?target_session_attrs=`
    const options = '&options=-c%20default_transaction_read_only%3Don'
    expect(await landing(poolOn(`${url}read-only${options}`))).toBe(primary)
    expect(await landing(poolOn(`${url}primary${options}`))).toBe(primary)
    const error = await failure(poolOn(`${url}read-write${options}`, { deadline: 300 }).connect())
    expect(error.message).toContain(
      `no connection to ${at(primary)} (read-only), ${at(standby)} (read-only)`,
    )
  })
  it('in random order, both are found', async () => {
    const found = new Set<unknown>()
    const tries = async (): Promise<boolean> => {
      found.add(await landing(among([primary, standby].map(at), { loadBalanceHosts: 'random' })))
      return found.size === 2
    }
    await until(tries, { what: 'both of them' })
  })
})

it('the example of the README finds the primary', async () => {
  const code = await exampleOf(join(import.meta.dirname, '../README.md'), 1)
  const env = { DATABASE_HOSTS: [standby, primary].map(at).join() }
  expect(await runExample(code, import.meta.filename, env)).toBe('[ { standby: false } ]\n')
})

describe('where none will do', () => {
  it('the error lists each with its cause, and events name those tried', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`
    using told = listen('reprise:waiting')
    const pool = among([nowhere, at(standby)], { target: 'primary', deadline: 2500 })
    const error = await failure(pool.query('SELECT 1'))
    expect(error).toMatchObject({ code: 'ECONNREFUSED', reason: 'deadline', outcome: 'not-sent' })
    expect(error.message).toContain(
      `no connection to ${nowhere} (ECONNREFUSED), ${at(standby)} (a standby)`,
    )
    expect(told.seen[0]?.cause).toBe('ECONNREFUSED')
    await pool.end()
  })
  it('a target of one host is waited for as well', async () => {
    const error = await failure(
      among([at(standby)], { target: 'primary', deadline: 300 }).connect(),
    )
    expect(error).toMatchObject({ code: '25006', outcome: 'not-sent' })
    expect(error.message).toContain(`no connection to ${at(standby)} (a standby)`)
  })
  it('one session looks through all of them for all that wait', async ({ onTestFinished }) => {
    // The longest wait there is: a few rounds before the deadline.
    const longest = vi.spyOn(Math, 'random').mockReturnValue(1)
    onTestFinished(() => longest.mockRestore())
    using way = await forwarded(standby)
    const pool = new pg.Pool({
      ...me,
      max: 40,
      ...reprise({
        hosts: [at(way), `127.0.0.1:${await freePort()}`],
        target: 'primary',
        deadline: 2000,
        backoff: endless,
        gate: { concurrency: 1 },
      }),
    })
    const errors = await Promise.all(Array.from({ length: 40 }, () => failure(pool.connect())))
    expect(way.taken).toBeGreaterThan(0)
    expect(way.taken).toBeLessThan(40)
    // Also whose look was cut short by the deadline.
    for (const { message } of errors) {
      expect(message).toContain(`${at(way)} (a standby)`)
      expect(message).toContain('(ECONNREFUSED)')
    }
    await pool.end()
  })
  it('a refusal ends the search, as in libpq, and says whose it is', async () => {
    const pool = among([at(standby), at(primary)], { target: 'primary' })
    Object.assign(pool.options, { database: 'nowhere' })
    expect(await failure(pool.connect())).toMatchObject({ code: '3D000' })
    await pool.end()
    await primary.sql('CREATE ROLE leaves LOGIN')
    const leaving = among([at(primary)], { target: 'primary' })
    Object.assign(leaving.options, { user: 'leaves' })
    const client = await leaving.connect()
    await primary.sql('ALTER ROLE leaves NOLOGIN')
    await kill(primary, client)
    const error = await failure(client.query('SELECT 1'))
    expect(error).toMatchObject({ reason: 'refused', cause: { code: '28000' } })
    expect(error.message).toContain(`refused by ${at(primary)} (28000)`)
    client.release()
    await leaving.end()
  })
  it('a name that nobody knows does not keep the others from being tried', async () => {
    expect(await landing(among(['typo.invalid', at(primary)]))).toBe(primary)
  })
  it('names that nobody knows are refused at once', async () => {
    const error = await failure(among(['typo.invalid', 'other.invalid']).connect())
    expect(error).toMatchObject({ code: 'ENOTFOUND' })
    expect(error.message).toContain('typo.invalid:5432 (ENOTFOUND), other.invalid:5432 (ENOTFOUND)')
  })
  describe('a server that takes the connection and says nothing', () => {
    let silent: string
    let listening: ReturnType<typeof createServer>
    beforeAll(async () => {
      listening = createServer(() => undefined)
      await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done))
      silent = at(listening.address() as { port: number })
    })
    afterAll(() => listening.close())

    it('keeps the others waiting for a while only', async () => {
      const hosts = [silent, at(primary)]
      expect(await landing(among(hosts, { backoff: endless }))).toBe(primary)
      // It is known now: those who come next have all their time for the other.
      expect(await landing(among(hosts, { backoff: endless, deadline: 2500 }))).toBe(primary)
    })
    it('is not taken to be down by those who had no time for it', async () => {
      const slow = await forwarded(primary, 0, '127.0.0.1', 300)
      const hasty = among([at(slow), silent], { deadline: 200, backoff: endless })
      expect(await failure(hasty.connect())).toMatchObject({ reason: 'deadline' })
      await hasty.end()
      const strict = among([at(slow)], { failFast: true, target: 'primary', backoff: endless })
      expect(await landing(strict)).toBe(primary)
      slow[Symbol.dispose]()
    })
  })
})

/** A way to a server that counts who takes it. */
async function forwarded(
  to: Server,
  port = 0,
  host = '127.0.0.1',
  delay = 0,
): Promise<{ port: number; taken: number } & Disposable> {
  const way = { port, taken: 0, [Symbol.dispose]: () => void listening.close() }
  const listening = createServer((socket) => {
    way.taken += 1
    const beyond = connect(to.port, '127.0.0.1')
    for (const each of [socket, beyond]) each.on('error', () => undefined)
    setTimeout(() => socket.pipe(beyond).pipe(socket), delay)
  })
  await new Promise<void>((done) => listening.listen(port, host, done))
  way.port = (listening.address() as { port: number }).port
  return way
}

/** Cuts the client off, once, when a frame with that text comes by: the server hears nothing of it. */
function cutAt(proxy: Proxy, text: string): void {
  let cut = false
  proxy.onFrame((frame) => {
    if (cut || !frame.text.includes(text)) return 'pass'
    cut = true
    for (const connection of proxy.connections) connection.strand()
    return 'pass'
  })
}

describe('where the primary was seen last', () => {
  it('is known to all who look for one among the same hosts, who go there first', async () => {
    using way = await forwarded(standby)
    const hosts = [at(way), at(primary)]
    expect(await landing(among(hosts, { target: 'primary' }))).toBe(primary)
    expect(way.taken).toBe(1)
    expect(await landing(among(hosts, { target: 'read-write' }))).toBe(primary)
    expect(await landing(among([...hosts].reverse(), { target: 'primary' }))).toBe(primary)
    expect(way.taken).toBe(1)
    expect(await landing(among(hosts, { target: 'any' }))).toBe(standby)
  })
})

describe('a name with several addresses', () => {
  const { lookup } = dns
  let other: Disposable
  beforeAll(async () => {
    Object.assign(dns, {
      lookup: (
        host: string,
        options: dns.LookupAllOptions,
        done: (...answer: unknown[]) => void,
      ) => {
        if (host !== 'cluster.reprise.test')
          return Reflect.apply(lookup, dns, [host, options, done])
        process.nextTick(done, null, [
          { address: '127.0.0.2', family: 4 },
          { address: '127.0.0.1', family: 4 },
        ])
      },
    })
    // The standby has the port of the primary there.
    other = await forwarded(standby, primary.port, '127.0.0.2')
  })
  afterAll(() => {
    Object.assign(dns, { lookup })
    other[Symbol.dispose]()
  })
  it.each([
    ['primary', () => primary],
    ['standby', () => standby],
  ] as const)('counts as several hosts: the %s is found behind it', async (target, server) => {
    const pool = among([`cluster.reprise.test:${primary.port}`], { target })
    const client = await pool.connect()
    expect((client as unknown as { host: string }).host).toBe('cluster.reprise.test')
    client.release()
    expect(await landing(pool)).toBe(server())
  })
})

describe('a session with several hosts that loses its connection without a word', () => {
  const isGone = async (pid: number): Promise<boolean> =>
    (await primary.sql('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).length === 0

  it('ends its old backend on the server that it was on, also when that is back after others', async () => {
    await using proxy = await Proxy.start(primary)
    using way = await forwarded(standby)
    const pool = among([at(proxy), at(way)], { target: 'primary' })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    const pid = pidOf(client)
    proxy.refuse(true)
    cutAt(proxy, 'count')
    const counted = client.query('SELECT count(*)::int AS n FROM t')
    await until(() => way.taken > 0, { what: 'the standby to be looked at' })
    proxy.refuse(false)
    expect((await counted).rows).toEqual([{ n: 1 }])
    expect(await isGone(pid)).toBe(true)
    await client.query('ROLLBACK')
    client.release()
    await pool.end()
  })
  it('goes there first although any would do: nowhere else can it be ended', async () => {
    await using proxy = await Proxy.start(primary)
    const port = await freePort()
    const pool = among([`127.0.0.1:${port}`, at(proxy)])
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1')
    const pid = pidOf(client)
    using _way = await forwarded(standby, port)
    cutAt(proxy, 'AS two')
    expect((await client.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    expect(await isGone(pid)).toBe(true)
    await client.query('ROLLBACK')
    client.release()
    await pool.end()
  })
})

describe('a silent connection', () => {
  it('is asked after on the server that it is on, whichever comes first', async () => {
    await using proxy = await Proxy.start(primary)
    const hosts = [at(standby), at(proxy)]
    const pool = poolOn(standby.url, { hosts, target: 'primary', probeAfter: 50 })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (2)')
    const pid = pidOf(client)
    for (const connection of proxy.connections) connection.freeze()
    expect((await client.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    expect(await primary.sql('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).toEqual([])
    await client.query('ROLLBACK')
    client.release()
    await pool.end()
  })
})

describe('an address that led to a standby for a moment', () => {
  /** A pool of two: one has written by that address, the other comes to the standby by it. */
  async function misled(
    options: RepriseOptions,
    body: (client: pg.PoolClient) => Promise<void>,
  ): Promise<void> {
    await using proxy = await Proxy.start(primary)
    const pool = new pg.Pool({
      ...me,
      port: proxy.port,
      max: 2,
      ...reprise({ ...quick, ...options }),
    })
    const first = await pool.connect()
    await first.query('INSERT INTO t VALUES (100)')
    proxy.lead(standby)
    const second = await pool.connect()
    expect(await portOf(second)).toBe(standby.port)
    proxy.lead(primary)
    try {
      await body(second)
    } finally {
      first.release()
      second.release(true)
      await pool.end()
    }
  }

  it('takes the write of a client that never wrote, since others wrote there', async () => {
    await misled({}, async (client) => {
      expect((await client.query('INSERT INTO t VALUES (101)')).rowCount).toBe(1)
      expect(await portOf(client)).toBe(primary.port)
    })
    expect(await primary.sql('SELECT FROM t WHERE a = 101')).toHaveLength(1)
  })
  it('takes a transaction of it, what it had read before included', async () => {
    await misled({}, async (client) => {
      await client.query('BEGIN')
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      await client.query('INSERT INTO t VALUES (102)')
      await client.query('COMMIT')
    })
    expect(await primary.sql('SELECT FROM t WHERE a = 102')).toHaveLength(1)
  })
  it('is left alone where a standby is what was asked for', async () => {
    await misled({}, async () => {
      const pool = among([at(standby)], { target: 'standby' })
      expect(await failure(pool.query('INSERT INTO t VALUES (103)'))).toMatchObject({
        code: '25006',
      })
      await pool.end()
    })
  })
})

describe('when the standby is promoted', () => {
  it('sessions and new clients find it, with nothing lost and nothing done twice', async () => {
    const hosts = [at(primary), at(standby)]
    const pool = among(hosts, { target: 'primary' })
    const other = among(hosts, { target: 'primary' })
    const reader = among([at(standby)])
    const learns = await reader.connect()
    expect(await failure(learns.query('INSERT INTO t VALUES (0)'))).toMatchObject({ code: '25006' })
    const writer = await pool.connect()
    for (let a = 10; a < 15; a++) await writer.query('INSERT INTO t VALUES ($1)', [a])
    const [written] = await primary.sql('SELECT pg_current_wal_lsn()::text AS lsn')
    const caughtUp = async (): Promise<unknown> =>
      (await standby.sql('SELECT pg_last_wal_replay_lsn() >= $1 AS yes', [written?.lsn]))[0]?.yes
    await until(caughtUp, { what: 'the standby to have all of it' })
    using reconnected = listen('reprise:reconnect')
    // What is sent to a server that is dying is in doubt: the client is to hear of it first.
    const { stream } = (writer as unknown as { connection: { stream: { destroyed: boolean } } })
      .connection
    await primary.stop('immediate')
    await until(() => stream.destroyed, { what: 'the client to notice' })
    const waits = writer.query('INSERT INTO t VALUES (15)')
    const comes = other.query('INSERT INTO t VALUES (16)')
    await standby.promote()
    expect((await waits).rowCount).toBe(1)
    expect((await comes).rowCount).toBe(1)
    expect(reconnected.seen).toMatchObject([{ host: '127.0.0.1', port: standby.port }])
    expect(await portOf(writer)).toBe(standby.port)
    expect(await landing(other)).toBe(standby)
    // The one that was there all the time has been told that it may write now.
    expect((await learns.query('INSERT INTO t VALUES (17)')).rowCount).toBe(1)
    await kill(standby, learns)
    expect((await learns.query('INSERT INTO t VALUES (18)')).rowCount).toBe(1)
    const rows = await standby.sql('SELECT a FROM t WHERE a BETWEEN 10 AND 99 ORDER BY a')
    expect(rows.map(({ a }) => a)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18])
    writer.release()
    learns.release()
    await Promise.all([pool.end(), reader.end()])
  })
})
