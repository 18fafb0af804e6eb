import { type RepriseOptions, tokenTable } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, type Frame, type Proxy, Server, until } from '../../../test/kit/index.ts'
import { failure, listen, pidOf, poolOn, proxied } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start({ settings: { fsync: 'on' } })
})
afterAll(() => server?.dispose())

/** Does something once, at the first frame that fits. */
function once(
  fits: (frame: Frame) => boolean,
  action: Action | (() => Promise<Action>),
): (frame: Frame) => Promise<Action> {
  let done = false
  return async (frame) => {
    if (done || !fits(frame)) return 'pass'
    done = true
    return typeof action === 'function' ? action() : action
  }
}

const isCommit = (frame: Frame): boolean => frame.from === 'client' && /^commit$/i.test(frame.text)
const isCommitted = (frame: Frame): boolean =>
  frame.from === 'server' && frame.type === 'C' && frame.text === 'COMMIT'

async function transact(client: pg.PoolClient): Promise<pg.QueryResult> {
  await client.query('BEGIN')
  await client.query('INSERT INTO t VALUES (1)')
  return client.query('COMMIT')
}

async function setUp(direct: string): Promise<() => Promise<number>> {
  const admin = new pg.Client({ connectionString: direct })
  await admin.connect()
  await admin.query('CREATE TABLE t (a int)')
  await admin.end()
  return async () => {
    const check = new pg.Client({ connectionString: direct })
    await check.connect()
    const { rows } = await check.query('SELECT count(*)::int AS n FROM t')
    await check.end()
    return rows[0].n
  }
}

describe('a COMMIT', () => {
  it.each(['cut', 'reset', 'swallow'] as const)(
    'whose reply was lost by %s is reported committed, once',
    async (action) => {
      await using link = await proxied(server)
      const count = await setUp(link.direct)
      const pool = poolOn(link.url)
      using resolved = listen('reprise:resolve')
      const client = await pool.connect()
      link.proxy.onFrame(once(isCommitted, action))
      expect((await transact(client)).command).toBe('COMMIT')
      expect(resolved.seen).toMatchObject([{ outcome: 'committed' }])
      client.release()
      await pool.end()
      expect(await count()).toBe(1)
    },
  )
  it.each(['cut', 'reset'] as const)(
    'that never reached the server (%s) is executed, once',
    async (action) => {
      await using link = await proxied(server)
      const count = await setUp(link.direct)
      const pool = poolOn(link.url)
      const client = await pool.connect()
      link.proxy.onFrame(once(isCommit, action))
      expect((await transact(client)).command).toBe('COMMIT')
      client.release()
      await pool.end()
      expect(await count()).toBe(1)
    },
  )
  it('is never resolved with the witness off, but in doubt', async () => {
    await using link = await proxied(server)
    const count = await setUp(link.direct)
    const pool = poolOn(link.url, { witness: 'off' })
    const client = await pool.connect()
    link.proxy.onFrame(once(isCommitted, 'reset'))
    expect(await failure(transact(client))).toMatchObject({
      name: 'InDoubtError',
      code: '08007',
      outcome: 'in-doubt',
    })
    client.release()
    await pool.end()
    expect(await count()).toBe(1)
  })
  it('answered by ROLLBACK is an error, not a success', async () => {
    const pool = poolOn(await server.createDatabase())
    const client = await pool.connect()
    await client.query('BEGIN')
    await failure(client.query('SELECT 1/0'))
    expect(await failure(client.query('COMMIT'))).toMatchObject({
      name: 'RolledBackError',
      code: '40000',
      outcome: 'rolled-back',
    })
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    client.release()
    await pool.end()
  })
  it('of a transaction that only read has nothing to lose', async () => {
    await using link = await proxied(server)
    await setUp(link.direct)
    const pool = poolOn(link.url)
    const client = await pool.connect()
    link.proxy.onFrame(once((frame) => isCommit(frame), 'swallow'))
    await client.query('BEGIN')
    await client.query('SELECT a FROM t')
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    client.release()
    await pool.end()
  })
  it('of a transaction that notified draws an id first, so that no notification is lost or sent twice', async () => {
    await using link = await proxied(server)
    const listener = new pg.Client({ connectionString: link.direct })
    await listener.connect()
    const heard: (string | undefined)[] = []
    listener.on('notification', (message) => heard.push(message.payload))
    await listener.query('LISTEN news')
    const pool = poolOn(link.url)
    const client = await pool.connect()
    link.proxy.onFrame(once(isCommitted, 'reset'))
    await client.query('BEGIN')
    await client.query("NOTIFY news, 'once'")
    await client.query('COMMIT')
    await client.query("NOTIFY news, 'last'")
    await until(() => heard.includes('last'))
    expect(heard).toEqual(['once', 'last'])
    client.release()
    await pool.end()
    await listener.end()
  })
})

describe('under synchronous replication', () => {
  let sync: Server
  beforeAll(async () => {
    sync = await Server.start({ settings: { fsync: 'on' } })
  })
  afterAll(() => sync?.dispose())
  /** How many backends wait for the standby; only those with this process id, if one is given. */
  const waiting = async (pid?: number): Promise<number> => {
    const rows = await sync.sql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return rows.filter((row) => pid === undefined || row.pid === pid).length
  }
  /**
   * Has commits wait for a standby that never comes. Backends hear of it from the checkpointer
   * (SyncRepUpdateSyncStandbysDefined), so one commit of another client waits first.
   */
  const hold = async (): Promise<void> => {
    await sync.set('synchronous_standby_names', 'nobody')
    const first = new pg.Client(sync.url)
    first.on('error', () => undefined)
    await first.connect()
    let idle = true
    await until(async () => {
      if (idle) {
        idle = false
        void first.query("SELECT pg_logical_emit_message(true, 'first', '')").then(
          () => {
            idle = true
          },
          () => undefined,
        )
      }
      return (await waiting(pidOf(first))) === 1
    })
    // It leaves when it has its answer.
    void first.end()
  }
  type Lose = (pid: number, proxy: Proxy) => Promise<unknown>
  const losses: [string, Lose][] = [
    ['terminated', (pid) => sync.terminate(pid)],
    [
      'cut off',
      async (_pid, proxy) => {
        for (const connection of proxy.connections) connection.strand()
      },
    ],
  ]
  const works: [string, (client: pg.PoolClient) => Promise<unknown>][] = [
    [
      'a COMMIT',
      async (client) => {
        await client.query('BEGIN')
        await client.query('INSERT INTO t VALUES (1)')
        return client.query('COMMIT')
      },
    ],
    ['an autocommit write', (client) => client.query('INSERT INTO t VALUES (1)')],
  ]
  const options: [string, RepriseOptions][] = [
    ['by its id', {}],
    ['by its id, held', { exactlyOnce: true }],
    ['by a token', { witness: { token: 'tokens' } }],
  ]
  const cases = losses.flatMap(([how, lose]) =>
    works.flatMap(([what, work]) =>
      options.map(([by, settings]) => [what, how, by, lose, work, settings] as const),
    ),
  )
  it.each(cases)(
    '%s whose wait for the standby was %s is acknowledged (%s) when what came after it is replicated, and not before',
    async (_what, _how, _by, lose, work, settings) => {
      await using link = await proxied(sync)
      let passed = 0
      link.proxy.onFrame(({ from, length }) => {
        if (from === 'server') passed += length
        return 'pass'
      })
      const pool = poolOn(link.url, settings)
      const client = await pool.connect()
      const { stream } = (client as unknown as { connection: { stream: { bytesRead: number } } })
        .connection
      await client.query(`CREATE TABLE t (a int); ${tokenTable('tokens').create}`)
      const pid = pidOf(client)
      await hold()
      let told: unknown
      const done = work(client).then((result) => {
        told = result
      })
      try {
        await until(async () => (await waiting(pid)) === 1)
        // What the server said before it waited has come: a witness that did not would leave a doubt.
        await until(async () => (await waiting(pid)) === 1 && stream.bytesRead === passed)
        await lose(pid, link.proxy)
        // Whoever waits now is another: our own commit behind it, or the one that was cut off.
        await until(async () => (await waiting()) > 1 && pidOf(client) !== pid)
        expect(told).toBeUndefined()
      } finally {
        await sync.set('synchronous_standby_names', '')
      }
      await done
      expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1 }])
      client.release()
      await pool.end()
    },
  )
  it.each([
    ['SET LOCAL', 'SET LOCAL synchronous_commit = on'],
    ['SET', 'SET synchronous_commit = remote_write'],
    ['set_config', "SELECT set_config('synchronous_commit', 'on', true)"],
    ['DO', 'DO $$BEGIN SET LOCAL synchronous_commit = on; END$$'],
    ['a trigger', 'INSERT INTO loud VALUES (1)'],
    ['nothing', undefined],
  ])(
    'a commit waits as its own transaction was made to by %s, not as its session does',
    async (by, raise) => {
      await using link = await proxied(sync)
      const config = { options: '-c synchronous_commit=local' }
      const pool = poolOn(link.url, { deadline: 1500 }, config)
      const client = await pool.connect()
      await client.query('CREATE TABLE t (a int)')
      if (by === 'a trigger') {
        await client.query(`CREATE TABLE loud (a int);
          CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN SET LOCAL synchronous_commit = on; RETURN new; END$$;
          CREATE TRIGGER wait BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION wait()`)
      }
      const pid = pidOf(client)
      await hold()
      try {
        if (raise === undefined)
          link.proxy.onFrame(({ text }) => (text === 'COMMIT' ? 'swallow' : 'pass'))
        await client.query('BEGIN')
        if (raise !== undefined) await client.query(raise)
        await client.query('INSERT INTO t VALUES (1)')
        const told = client.query('COMMIT').then(
          () => 'committed',
          (error: { outcome?: string }) => error.outcome,
        )
        if (raise !== undefined) {
          await until(async () => (await waiting(pid)) === 1)
          await sync.terminate(pid)
        }
        expect(await told).toBe(raise === undefined ? 'committed' : 'in-doubt')
      } finally {
        await sync.set('synchronous_standby_names', '')
      }
      client.release(true)
      await pool.end()
    },
  )
  it('is in doubt at the deadline, and the wait of the lost backend is never ended by us', async () => {
    await using link = await proxied(sync)
    const pool = poolOn(link.url, { deadline: 1500 })
    const client = await pool.connect()
    await client.query('CREATE TABLE t (a int)')
    const pid = pidOf(client)
    await hold()
    try {
      await client.query('BEGIN')
      await client.query('INSERT INTO t VALUES (1)')
      const told = failure(client.query('COMMIT'))
      await until(async () => (await waiting(pid)) === 1)
      for (const connection of link.proxy.connections) connection.strand()
      expect(await told).toMatchObject({ code: '08007', outcome: 'in-doubt' })
      expect(await waiting(pid)).toBe(1)
    } finally {
      await sync.set('synchronous_standby_names', '')
    }
    client.release(true)
    await pool.end()
  })
})

describe('an id that a crash handed out again', () => {
  /**
   * Leaves a COMMIT in doubt whose records never reached the disk, crashes the server, and has
   * somebody else commit under ids that were drawn before.
   */
  async function reuse(
    crash: (crashed: Server) => Promise<void>,
  ): Promise<{ error: unknown; rows: number; status: unknown }> {
    const crashed = await Server.start({
      settings: { fsync: 'on', wal_writer_delay: '10s', wal_writer_flush_after: '1GB' },
    })
    try {
      await using link = await proxied(crashed)
      await setUp(link.direct)
      await crashed.sql('CHECKPOINT')
      const pool = poolOn(link.url)
      const client = await pool.connect()
      // The COMMIT does not get through, and nobody can ask before the id was handed out again.
      let release: () => void = () => undefined
      const handedOut = new Promise<void>((resolve) => {
        release = resolve
      })
      let held = false
      link.proxy.onFrame(
        once(isCommit, async () => {
          held = true
          await handedOut
          return 'reset'
        }),
      )
      const pid = pidOf(client)
      await client.query('BEGIN')
      await client.query('INSERT INTO t VALUES (1)')
      const [transaction] = await crashed.sql(
        'SELECT backend_xid::text AS xid FROM pg_stat_activity WHERE pid = $1',
        [pid],
      )
      const xid = String(transaction?.xid)
      const committing = client.query('COMMIT').then(
        () => undefined,
        (error: unknown) => error,
      )
      await until(() => held)
      link.proxy.refuse(true)
      await crash(crashed)
      const other = new pg.Client({ connectionString: link.direct })
      await other.connect()
      await other.query('CREATE TABLE other (a int)')
      for (let drawn = 0n; drawn <= BigInt(xid); ) {
        const answer = await other.query(
          'INSERT INTO other VALUES (1) RETURNING pg_current_xact_id()::text AS xid',
        )
        drawn = BigInt(answer.rows[0].xid)
      }
      const { rows: statuses } = await other.query('SELECT pg_xact_status($1::xid8) AS status', [
        xid,
      ])
      link.proxy.refuse(false)
      release()
      const error = await committing
      const { rows: counted } = await other.query('SELECT count(*)::int AS n FROM t')
      await other.end()
      client.release()
      await pool.end()
      return { error, rows: counted[0].n, status: statuses[0].status }
    } finally {
      await crashed.dispose()
    }
  }
  const crashes: [string, (crashed: Server) => Promise<void>][] = [
    ['an immediate restart', (crashed) => crashed.restart('immediate')],
    [
      'a SIGKILLed backend',
      async (crashed) => {
        const marker = async (): Promise<unknown> =>
          (await crashed.sql('SELECT stats_reset::text AS at FROM pg_stat_wal'))[0]?.at
        const before = await marker()
        const [victim] = await crashed.sql(
          "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'reprise-kit' LIMIT 1",
        )
        crashed.sigkill(Number(victim?.pid))
        await until(() =>
          marker().then(
            (now) => now !== before,
            () => false,
          ),
        )
      },
    ],
  ]
  it.each(crashes)('is never reported committed after %s', async (_name, crash) => {
    const { error, rows, status } = await reuse(crash)
    // The premise: asked naively, the server says that the lost transaction is committed.
    expect(status).toBe('committed')
    expect(rows).toBe(0)
    expect(error).toMatchObject({ name: 'InDoubtError', outcome: 'in-doubt' })
  })
})

describe('CALL with a COMMIT inside', () => {
  it('is in doubt when its backend is terminated, and is not executed again', async () => {
    const url = await server.createDatabase()
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('CREATE TABLE t (a int)')
    await client.query(
      'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM pg_sleep(60); END $$',
    )
    const pid = pidOf(client)
    const called = failure(client.query('CALL p()'))
    await until(async () => {
      const rows = await server.sql('SELECT wait_event FROM pg_stat_activity WHERE pid = $1', [pid])
      return rows[0]?.wait_event === 'PgSleep'
    })
    await server.terminate(pid)
    expect(await called).toMatchObject({
      name: 'InDoubtError',
      outcome: 'in-doubt',
      cause: { code: '57P01' },
    })
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1 }])
    client.release()
    await pool.end()
  })
})
