import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { failure, kill, listen, pidOf, poolOn, withClient } from './support.ts'

let server: Server
let url: string
let admin: pg.Client

beforeAll(async () => {
  server = await Server.start()
  url = await server.createDatabase()
  admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(
    'CREATE TABLE account (id int PRIMARY KEY, balance int); CREATE TABLE entry (note text)',
  )
  await admin.query('INSERT INTO account SELECT i, 100 FROM generate_series(1, 50) i')
})
afterAll(async () => {
  await admin?.end()
  await server?.dispose()
})

const notes = async (note: string): Promise<number> =>
  (await admin.query('SELECT count(*)::int AS n FROM entry WHERE note = $1', [note])).rows[0].n

describe('a lost transaction', () => {
  it('goes on after a kill between any two statements, and is done once', async () => {
    const statements = [
      'BEGIN',
      'SELECT balance FROM account WHERE id = 1',
      "INSERT INTO entry VALUES ('any')",
      'UPDATE account SET balance = balance - 1 WHERE id = 1',
      'COMMIT',
    ]
    for (let at = 1; at < statements.length; at++) {
      const before = await notes('any')
      await withClient(url, async (client) => {
        for (const [i, statement] of statements.entries()) {
          if (i === at) await kill(server, client)
          await client.query(statement)
        }
      })
      expect(await notes('any')).toBe(before + 1)
    }
  })
  it('keeps its isolation level and access mode', async () => {
    await withClient(url, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE')
      await client.query('SELECT 1')
      await kill(server, client)
      const { rows } = await client.query(
        "SELECT current_setting('transaction_isolation') i, current_setting('transaction_read_only') r",
      )
      expect(rows).toEqual([{ i: 'serializable', r: 'on' }])
      await client.query('COMMIT')
    })
  })
  it('keeps savepoints, SET LOCAL and expected errors', async () => {
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query("SET LOCAL app.name = 'kept'")
      await client.query('SAVEPOINT a')
      await failure(client.query('SELECT 1/0'))
      await kill(server, client)
      await client.query('ROLLBACK TO a')
      await kill(server, client)
      const { rows } = await client.query("SELECT current_setting('app.name') AS name")
      expect(rows).toEqual([{ name: 'kept' }])
      await client.query('COMMIT')
    })
  })
  it('sends again the values as they were, whatever became of the objects', async () => {
    await withClient(url, async (client) => {
      const value = { a: 1 }
      const bytes = Buffer.from('first')
      await client.query('BEGIN')
      await client.query("INSERT INTO entry VALUES ($1::jsonb::text), (convert_from($2, 'utf8'))", [
        value,
        bytes,
      ])
      value.a = 2
      bytes.write('other')
      await kill(server, client)
      await client.query('COMMIT')
    })
    expect(await notes('{"a": 1}')).toBe(1)
    expect(await notes('first')).toBe(1)
  })
  it.each([
    ['the same answer where nothing gives them one', 'SELECT id FROM account', 'SELECT'],
    ['another where the statement does', 'SELECT id FROM account ORDER BY balance > 0', '40001'],
    ['another where a view does', 'SELECT id FROM sorted_account', '40001'],
  ])('takes rows in another order for %s', async (_what, text, expected) => {
    await admin.query(
      'CREATE OR REPLACE VIEW sorted_account AS SELECT id FROM account ORDER BY balance > 0',
    )
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      const { rows } = await client.query(text)
      expect(rows).toHaveLength(50)
      await admin.query('UPDATE account SET balance = balance WHERE id = $1', [rows[0].id])
      await kill(server, client)
      const next = await client.query('SELECT 1').then(
        ({ command }) => command,
        ({ code }: { code: string }) => code,
      )
      await client.query('ROLLBACK')
      expect(next).toBe(expected)
    })
  })
  it('rolls back by itself when the application wants it to', async () => {
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query("INSERT INTO entry VALUES ('rolled')")
      await kill(server, client)
      expect((await client.query('ROLLBACK')).command).toBe('ROLLBACK')
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
    expect(await notes('rolled')).toBe(0)
  })
})

describe('a divergence', () => {
  async function diverge(
    client: pg.PoolClient,
    id: number,
    last: string,
  ): Promise<Error & { code?: string; outcome?: string }> {
    await client.query('BEGIN')
    await client.query('SELECT balance FROM account WHERE id = $1', [id])
    await client.query("INSERT INTO entry VALUES ('diverged')")
    await admin.query('UPDATE account SET balance = balance + 1 WHERE id = $1', [id])
    await kill(server, client)
    return failure(client.query(last))
  }
  it('is a DivergedError, rolled back, and keeps the original', async () => {
    await withClient(url, async (client) => {
      expect(await diverge(client, 2, 'SELECT 1')).toMatchObject({
        name: 'DivergedError',
        code: '40001',
        outcome: 'rolled-back',
        condition: 'admin_shutdown',
        cause: { code: '57P01' },
      })
      await client.query('ROLLBACK')
    })
    expect(await notes('diverged')).toBe(0)
  })
  it('rolls back on the server at once', async () => {
    await withClient(url, async (client) => {
      await diverge(client, 3, 'SELECT 1')
      const { rows } = await admin.query('SELECT state FROM pg_stat_activity WHERE pid = $1', [
        pidOf(client),
      ])
      expect(rows).toEqual([{ state: 'idle' }])
    })
  })
  it('answers 25P02 until the application ends its transaction, and nothing runs outside of it', async () => {
    await withClient(url, async (client) => {
      await diverge(client, 4, 'SELECT 1')
      for (const statement of [
        "INSERT INTO entry VALUES ('outside')",
        'SELECT 1',
        'BEGIN',
        'SAVEPOINT s',
      ]) {
        expect(await failure(client.query(statement))).toMatchObject({
          code: '25P02',
          outcome: 'rolled-back',
        })
      }
      expect((client as unknown as { getTransactionStatus(): string }).getTransactionStatus()).toBe(
        'E',
      )
      await client.query('ROLLBACK')
      await client.query("INSERT INTO entry VALUES ('after')")
    })
    expect(await notes('outside')).toBe(0)
    expect(await notes('after')).toBe(1)
  })
  it('answers a COMMIT with an error, never with success', async () => {
    await withClient(url, async (client) => {
      await diverge(client, 5, 'SELECT 1')
      expect(await failure(client.query('COMMIT'))).toMatchObject({
        code: '40000',
        outcome: 'rolled-back',
      })
    })
  })
  it('on COMMIT leaves nothing open for the next holder', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    expect(await diverge(client, 6, 'COMMIT')).toMatchObject({ code: '40001' })
    client.release()
    const next = await pool.connect()
    await next.query("INSERT INTO entry VALUES ('next')")
    next.release()
    await pool.end()
    expect(await notes('next')).toBe(1)
    expect(await notes('diverged')).toBe(0)
  })
})

describe('a release', () => {
  it('hands on a healthy transaction, as pg does', async () => {
    const pool = poolOn(url)
    await pool.query('BEGIN')
    await pool.query("INSERT INTO entry VALUES ('left open')")
    expect((await pool.query('COMMIT')).command).toBe('COMMIT')
    await pool.query('BEGIN')
    await pool.query("INSERT INTO entry VALUES ('left open and rolled back')")
    await pool.query('ROLLBACK')
    await pool.end()
    expect(await notes('left open')).toBe(1)
    expect(await notes('left open and rolled back')).toBe(0)
  })
  it('ends a lost transaction, and a COMMIT that was meant for it fails, once', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query("INSERT INTO entry VALUES ('lost, then committed')")
    await kill(server, client)
    client.release()
    const commit = { code: '40000', outcome: 'rolled-back' }
    expect(await failure(pool.query('COMMIT'))).toMatchObject(commit)
    expect((await pool.query('COMMIT')).command).toBe('COMMIT')
    await pool.end()
    expect(await notes('lost, then committed')).toBe(0)
  })
  it('of a lost transaction leaves the next one of another holder alone', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await kill(server, client)
    client.release()
    await pool.query('BEGIN')
    await pool.query("INSERT INTO entry VALUES ('of another holder')")
    expect((await pool.query('COMMIT')).command).toBe('COMMIT')
    await pool.end()
    expect(await notes('of another holder')).toBe(1)
  })
  it('never hands on a statement that was not awaited inside somebody’s transaction', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    void client.query('BEGIN')
    void client.query("INSERT INTO entry VALUES ('not awaited')")
    client.release()
    await pool.query('SELECT 1')
    await pool.end()
    expect(await notes('not awaited')).toBe(0)
  })
  it('never hands on a lost transaction', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query("INSERT INTO entry VALUES ('lost and left')")
    await kill(server, client)
    client.release()
    await pool.query("INSERT INTO entry VALUES ('of another')")
    await pool.end()
    expect(await notes('lost and left')).toBe(0)
    expect(await notes('of another')).toBe(1)
  })
  it('twice is an error, as with pg', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    client.release()
    expect(() => client.release()).toThrow('already been released')
    await pool.end()
  })
})

describe('the tape', () => {
  it('beyond its limit makes a transaction not replayable, which the error says', async () => {
    await withClient(
      url,
      async (client) => {
        await client.query('BEGIN')
        await client.query("SELECT repeat('x', 1000) FROM generate_series(1, 100)")
        await kill(server, client)
        expect(await failure(client.query('SELECT 1'))).toMatchObject({
          code: '57P01',
          outcome: 'rolled-back',
          reason: 'not-replayable',
        })
        await client.query('ROLLBACK')
      },
      { maxTapeBytes: 50_000 },
    )
  })
  it('is not kept when replay is off', async () => {
    await withClient(
      url,
      async (client) => {
        await client.query('BEGIN')
        await client.query('SELECT 1')
        await kill(server, client)
        expect(await failure(client.query('SELECT 1'))).toMatchObject({
          code: '57P01',
          outcome: 'rolled-back',
          reason: 'replay-off',
        })
        await client.query('ROLLBACK')
      },
      { replay: 'off' },
    )
  })
})

describe('what is told', () => {
  it('names the loss, the reconnection and the replay', async () => {
    using losses = listen('reprise:loss')
    using reconnects = listen('reprise:reconnect')
    using replays = listen('reprise:replay')
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT 1')
      await kill(server, client)
      await client.query('COMMIT')
    })
    expect(losses.seen).toMatchObject([
      { condition: 'admin_shutdown', sqlstate: '57P01', inTransaction: true, evidence: 'frame' },
    ])
    expect(reconnects.seen).toMatchObject([{ attempts: 1 }])
    expect(replays.seen).toMatchObject([{ statements: 2, diverged: false }])
  })
})
