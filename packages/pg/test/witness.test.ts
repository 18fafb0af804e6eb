import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { failure, listen, poolOn, proxied } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

const works: [string, (client: pg.PoolClient) => Promise<unknown>][] = [
  ['an autocommit insert', (client) => client.query('INSERT INTO t VALUES ($1) RETURNING a', [1])],
  ['an autocommit insert without parameters', (client) => client.query('INSERT INTO t VALUES (1)')],
  ['a read', (client) => client.query('SELECT a FROM t')],
  [
    'a transaction that writes',
    async (client) => {
      await client.query('BEGIN')
      await client.query('INSERT INTO t VALUES (1)')
      await client.query('UPDATE t SET a = a + 1')
      await client.query('COMMIT')
    },
  ],
  [
    'a transaction that only reads',
    async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT a FROM t')
      await client.query('COMMIT')
    },
  ],
]

describe('the witness', () => {
  async function flights(
    pool: pg.Pool,
    proxy: { counts: { flights: number; reset(): void } },
    work: (client: pg.PoolClient) => Promise<unknown>,
  ): Promise<number> {
    // What statements leave in their session is asked behind the first of a form, and ever more
    // seldom: the second and the fourth.
    const first = await pool.connect()
    for (let i = 0; i < 4; i++) await work(first)
    await first.query('SELECT 1')
    first.release(true)
    proxy.counts.reset()
    const client = await pool.connect()
    await work(client)
    await work(client)
    client.release()
    const { flights: count } = proxy.counts
    await pool.end()
    return count
  }
  it.each(works)(
    'costs no round trip: %s, opening the connection included',
    async (_name, work) => {
      await using link = await proxied(server)
      await poolOnce(link.direct, 'CREATE TABLE t (a int)')
      const plain = await flights(new pg.Pool({ connectionString: link.url }), link.proxy, work)
      expect(await flights(poolOn(link.url), link.proxy, work)).toBe(plain)
    },
  )
  it('costs an autocommit write one round trip with exactlyOnce', async () => {
    await using link = await proxied(server)
    await poolOnce(link.direct, 'CREATE TABLE t (a int)')
    const [, work] = works[0] as (typeof works)[0]
    const plain = await flights(new pg.Pool({ connectionString: link.url }), link.proxy, work)
    expect(await flights(poolOn(link.url, { exactlyOnce: true }), link.proxy, work)).toBe(plain + 2)
  })
  it('changes no result', async () => {
    const url = await server.createDatabase()
    const plain = new pg.Pool({ connectionString: url })
    const pool = poolOn(url)
    await plain.query('CREATE TABLE t (a int, b text)')
    for (const [text, values] of [
      ['INSERT INTO t VALUES (1, $1) RETURNING a, b', ['x']],
      ["INSERT INTO t VALUES (2, 'y')", undefined],
      ['UPDATE t SET a = 3 WHERE a = 99', undefined],
      ['DELETE FROM t WHERE a = 99 RETURNING *', undefined],
      ['WITH w AS (INSERT INTO t VALUES (4) RETURNING a) SELECT * FROM w', undefined],
      ['CREATE TABLE IF NOT EXISTS u (a int)', undefined],
      ['TRUNCATE u', undefined],
    ] as const) {
      const ours = await pool.query(text, values && [...values])
      const theirs = await plain.query(text, values && [...values])
      expect([ours.command, ours.rowCount, ours.rows]).toEqual([
        theirs.command,
        theirs.rowCount,
        theirs.rows,
      ])
      expect(ours.fields.map((field) => field.name)).toEqual(
        theirs.fields.map((field) => field.name),
      )
    }
    await pool.end()
    await plain.end()
  })
  it('is prepared again after DEALLOCATE ALL and DISCARD ALL, alone and in a transaction', async () => {
    const pool = poolOn(await server.createDatabase())
    const client = await pool.connect()
    const backend = async (): Promise<unknown> =>
      (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
    const before = await backend()
    await client.query('CREATE TABLE t (a int)')
    const insert = (): Promise<pg.QueryResult> => client.query('INSERT INTO t VALUES (1)')
    const both = async (): Promise<void> => {
      expect((await insert()).rowCount).toBe(1)
      await client.query('BEGIN')
      expect((await insert()).rowCount).toBe(1)
      await client.query('COMMIT')
    }
    for (const statement of ['DEALLOCATE ALL', 'DISCARD ALL']) {
      for (let i = 0; i < 3; i++) await both()
      await client.query(statement)
      await both()
    }
    // One that is called and is not there would cost its connection.
    expect(await backend()).toBe(before)
    client.release()
    await pool.end()
  })
  it('that the server refuses is given up, and said once; the statement is executed', async () => {
    const refusing = await Server.start()
    try {
      await refusing.sql('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC')
      await refusing.sql(
        'CREATE ROLE ordinary LOGIN; GRANT CREATE ON DATABASE postgres TO ordinary; CREATE SCHEMA s AUTHORIZATION ordinary',
      )
      using advice = listen('reprise:advice')
      const pool = poolOn(refusing.url.replace('postgres@', 'ordinary@'))
      await pool.query('CREATE TABLE s.t (a int)')
      const client = await pool.connect()
      await client.query('BEGIN')
      await client.query('INSERT INTO s.t VALUES (1)')
      await client.query('COMMIT')
      expect((await client.query('SELECT count(*)::int AS n FROM s.t')).rows).toEqual([{ n: 1 }])
      expect(await failure(client.query('INSERT INTO s.t VALUES (1/0)'))).toMatchObject({
        code: '22012',
      })
      expect(advice.seen).toHaveLength(1)
      client.release()
      await pool.end()
    } finally {
      await refusing.dispose()
    }
  })
})

async function poolOnce(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(text)
  await client.end()
}

describe('a prepared witness that is gone', () => {
  it('is noticed, and the statement is executed once without it', async () => {
    const pool = poolOn(await server.createDatabase())
    await pool.query('CREATE TABLE t (a int)')
    // The second prepares it, the third uses it.
    for (let i = 0; i < 3; i++) await pool.query('INSERT INTO t VALUES (1)')
    // Out of the session's sight, as when a pooler brings another backend.
    await pool.query("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    expect((await pool.query('INSERT INTO t VALUES (2)')).rowCount).toBe(1)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (2)')
    await client.query('COMMIT')
    client.release()
    const { rows } = await pool.query('SELECT count(*)::int AS n FROM t WHERE a = 2')
    expect(rows).toEqual([{ n: 2 }])
    await pool.end()
  })
})
