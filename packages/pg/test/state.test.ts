import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { failure, kill, listen, poolOn, withThrowaway } from './support.ts'

let server: Server
let url: string

beforeAll(async () => {
  server = await Server.start()
  url = await server.createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE ROLE tenant; CREATE TABLE secret (owner text);
    INSERT INTO secret VALUES ('a'), ('b'); GRANT SELECT ON secret TO tenant;
    ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON secret USING (owner = current_setting('app.tenant', true))`)
  await admin.end()
})
afterAll(() => server?.dispose())

const show = async (client: pg.PoolClient, name: string): Promise<string> =>
  (await client.query('SELECT current_setting($1, true) AS value', [name])).rows[0].value

describe('session state is made again on a new connection', () => {
  const settings: [string, (string | { text: string; values: unknown[] })[], string, string][] = [
    ['SET', ["SET app.a = '1'"], 'app.a', '1'],
    ['the last of several SETs', ["SET app.a = '1'", "SET app.a = '2'"], 'app.a', '2'],
    ['SET TIME ZONE', ["SET TIME ZONE 'Asia/Tokyo'"], 'TimeZone', 'Asia/Tokyo'],
    ['several in one text', ["SET app.a = '1'; SET app.b = '2'"], 'app.b', '2'],
    ['set_config', ["SELECT set_config('app.a', '3', false)"], 'app.a', '3'],
    [
      'set_config with parameters',
      [{ text: 'SELECT set_config($1, $2, false)', values: ['app.a', '4'] }],
      'app.a',
      '4',
    ],
    ['a SET in a transaction that committed', ['BEGIN', "SET app.a = '5'", 'COMMIT'], 'app.a', '5'],
    [
      'SESSION CHARACTERISTICS',
      ['SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
      'default_transaction_isolation',
      'serializable',
    ],
    ['SET ROLE', ['SET ROLE tenant'], 'role', 'tenant'],
    [
      'SET SESSION AUTHORIZATION',
      ['SET SESSION AUTHORIZATION tenant'],
      'session_authorization',
      'tenant',
    ],
  ]
  it.each(settings)('%s', async (_name, statements, setting, value) => {
    await withThrowaway(url, async (client) => {
      for (const statement of statements) await client.query(statement as string)
      await kill(server, client)
      expect(await show(client, setting)).toBe(value)
    })
  })
  it.each([
    ['DateStyle in two parts', ["SET datestyle = 'German'", "SET datestyle = 'YMD'"], 'datestyle'],
    [
      'DateStyle in two parts, in turns',
      ["SET datestyle = 'German'", "SET datestyle = 'MDY'", "SET datestyle = 'SQL'"],
      'datestyle',
    ],
    [
      'a part of DateStyle after RESET',
      ["SET datestyle = 'German'", 'RESET datestyle', "SET datestyle = 'YMD'"],
      'datestyle',
    ],
    [
      'a value behind standard_conforming_strings = off',
      ['SET standard_conforming_strings = off', "SET app.a = 'a\\\\b'"],
      'app.a',
    ],
    [
      'a value behind client_encoding',
      ['SET client_encoding = LATIN1', "SET app.a = 'é'"],
      'app.a',
    ],
    [
      'the same, beside what is prepared under a setting that was rolled back',
      [
        'SET client_encoding = LATIN1',
        "SET app.a = 'é'",
        'BEGIN',
        'SET search_path = pg_catalog',
        'PREPARE there AS SELECT 1',
        'ROLLBACK',
      ],
      'app.a',
    ],
  ])('%s is as it was', async (_name, statements, setting) => {
    await withThrowaway(url, async (client) => {
      for (const statement of statements) await client.query(statement)
      const before = await show(client, setting)
      for (let i = 0; i < 2; i++) {
        await kill(server, client)
        expect(await show(client, setting)).toBe(before)
      }
    })
  })
  it('a parameterised set_config of two settings keeps both', async () => {
    await withThrowaway(url, async (client) => {
      for (const name of ['app.a', 'app.b'])
        await client.query('SELECT set_config($1, $2, false)', [name, name])
      await kill(server, client)
      expect([await show(client, 'app.a'), await show(client, 'app.b')]).toEqual(['app.a', 'app.b'])
    })
  })
  it.each([
    ['RESET', ["SET app.a = '1'", 'RESET app.a']],
    ['DISCARD ALL', ["SET app.a = '1'", 'DISCARD ALL']],
    ['a transaction that rolled back', ['BEGIN', "SET app.a = '1'", 'ROLLBACK']],
    ['SET LOCAL', ['BEGIN', "SET LOCAL app.a = '1'", 'COMMIT']],
  ])('and undone by %s it is not', async (_name, statements) => {
    await withThrowaway(url, async (client) => {
      for (const statement of statements) await client.query(statement)
      await kill(server, client)
      expect((await show(client, 'app.a')) ?? '').toBe('')
    })
  })
  it('SQL PREPARE, and DEALLOCATE undoes it', async () => {
    await withThrowaway(url, async (client) => {
      await client.query('PREPARE one AS SELECT 1 AS one')
      await kill(server, client)
      expect((await client.query('EXECUTE one')).rows).toEqual([{ one: 1 }])
      await client.query('DEALLOCATE one')
      await kill(server, client)
      expect(await failure(client.query('EXECUTE one'))).toMatchObject({ code: '26000' })
    })
  })
  it('a named statement of the driver, also when the server forgot it', async () => {
    await withThrowaway(url, async (client) => {
      const named = { name: 'n', text: 'SELECT $1::int AS one', values: [1] }
      await client.query(named)
      await kill(server, client)
      expect((await client.query(named)).rows).toEqual([{ one: 1 }])
    })
  })
  it("what pool.on('connect') and onConnect ran", async () => {
    const pool = poolOn(
      url,
      {},
      { onConnect: async (client) => void (await client.query("SET app.a = 'hook'")) },
    )
    pool.on('connect', (client) => void client.query("SET app.b = 'event'; SET app.c = 'more'"))
    const client = await pool.connect()
    await kill(server, client)
    expect([
      await show(client, 'app.a'),
      await show(client, 'app.b'),
      await show(client, 'app.c'),
    ]).toEqual(['hook', 'event', 'more'])
    client.release()
    await pool.end()
  })
  it('before anything else, so that no statement runs without its row-level security', async () => {
    await withThrowaway(url, async (client) => {
      await client.query('SET ROLE tenant')
      await client.query("SELECT set_config('app.tenant', 'a', false)")
      for (let i = 0; i < 10; i++) {
        const killed = kill(server, client)
        expect((await client.query('SELECT owner FROM secret')).rows).toEqual([{ owner: 'a' }])
        await killed
      }
    })
  })
})

describe('an anchored session', () => {
  it.each([
    ['a temporary table', 'CREATE TEMP TABLE kept (a int)'],
    ['a session advisory lock', 'SELECT pg_advisory_lock(4711)'],
    ['a WITH HOLD cursor', 'DECLARE kept CURSOR WITH HOLD FOR SELECT 1'],
  ])('that held %s does nothing for its holder, and anything for the next', async (_what, text) => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query(text)
    await kill(server, client)
    for (let i = 0; i < 3; i++) {
      expect(await failure(client.query('SELECT 1'))).toMatchObject({
        outcome: 'not-sent',
        reason: 'anchored',
        condition: 'admin_shutdown',
      })
    }
    client.release()
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })
  it('that let go of its lock is none', async () => {
    await withThrowaway(url, async (client) => {
      await client.query('SELECT pg_advisory_lock(1), pg_advisory_lock(1)')
      await client.query('SELECT pg_advisory_unlock(1), pg_advisory_unlock(1)')
      // By then the server was asked.
      await client.query('SELECT 1')
      await kill(server, client)
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
  })
  it('keeps a temporary table that was made in the transaction itself', async () => {
    await withThrowaway(url, async (client) => {
      await client.query('BEGIN')
      await client.query('CREATE TEMP TABLE own (a int) ON COMMIT DROP')
      await client.query('INSERT INTO own VALUES (1)')
      await kill(server, client)
      expect((await client.query('SELECT a FROM own')).rows).toEqual([{ a: 1 }])
      await client.query('COMMIT')
    })
  })
})

describe('a listening session', () => {
  it('reconnects by itself, listens again, and says once that notifications may have been missed', async () => {
    using advice = listen('reprise:advice')
    await withThrowaway(url, async (client) => {
      const heard: (string | undefined)[] = []
      let missed = 0
      client.on('notification', (message) => heard.push(message.payload))
      client.on('notificationsMissed', () => {
        missed += 1
      })
      await client.query('LISTEN news')
      await kill(server, client)
      await until(() => missed === 1)
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      await admin.query("NOTIFY news, 'again'")
      await until(() => heard.includes('again'))
      await admin.end()
      expect(missed).toBe(1)
      expect(advice.seen).toHaveLength(1)
    })
  })
  it('waits for a server that is down', async () => {
    const own = await Server.start()
    try {
      const pool = poolOn(own.url)
      const client = await pool.connect()
      const missed = new Promise((resolve) =>
        client.once('notificationsMissed', () => resolve(true)),
      )
      await client.query('LISTEN news')
      await own.stop('fast')
      await own.start()
      expect(await missed).toBe(true)
      client.release()
      await pool.end()
    } finally {
      await own.dispose()
    }
  })
})
