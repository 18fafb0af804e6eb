import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { tokenTable } from '../src/index.ts'
import { newToken, resolveToken } from '../src/witness/token.ts'
import { failure, poolOn, proxied } from './support.ts'

let server: Server
const name = 'audit."token.s"'
const options = { witness: { token: name } } as const

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

async function setUp(url: string): Promise<pg.Client> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE SCHEMA audit; CREATE TABLE t (a int); ${tokenTable(name).create}`)
  return admin
}

const count = async (admin: pg.Client): Promise<number> =>
  (await admin.query('SELECT count(*)::int AS n FROM t')).rows[0].n

describe('the token witness', () => {
  it.each(['swallow', 'reset'] as const)(
    'leaves no doubt about an autocommit write, even when all answers are lost (%s)',
    async (action) => {
      await using link = await proxied(server)
      const admin = await setUp(link.direct)
      const pool = poolOn(link.url, options)
      await pool.query('INSERT INTO t VALUES (0)')
      let done = false
      link.proxy.onFrame((frame) => {
        if (done || frame.from !== 'client' || !frame.text.startsWith('INSERT INTO t VALUES (1'))
          return 'pass'
        done = true
        return action
      })
      // Without a RETURNING clause there is an answer to make up only when its tag has arrived.
      const outcome = await pool.query('INSERT INTO t VALUES (1)').then(
        () => 'done',
        (error) => error.outcome,
      )
      expect(['done', 'committed']).toContain(outcome)
      expect(await count(admin)).toBe(2)
      await pool.end()
      await admin.end()
    },
  )
  it('resolves a COMMIT whose reply was lost', async () => {
    await using link = await proxied(server)
    const admin = await setUp(link.direct)
    const pool = poolOn(link.url, options)
    const client = await pool.connect()
    link.proxy.onFrame((frame) =>
      frame.from === 'client' && frame.text === 'COMMIT' ? 'swallow' : 'pass',
    )
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect(await count(admin)).toBe(1)
    client.release()
    await pool.end()
    await admin.end()
  })
  it('leaves nothing for a transaction that only read, also when it may not write', async () => {
    const url = await server.createDatabase()
    const admin = await setUp(url)
    const pool = poolOn(url, options)
    const client = await pool.connect()
    await client.query('BEGIN READ ONLY')
    await client.query('SELECT nextval(NULL)')
    await client.query('COMMIT')
    expect((await admin.query(`SELECT FROM ${name}`)).rowCount).toBe(0)
    client.release()
    await pool.end()
    await admin.end()
  })
  it('blocks while the transaction runs, and then says what became of it', async () => {
    const url = await server.createDatabase()
    const admin = await setUp(url)
    const original = new pg.Client({ connectionString: url })
    await original.connect()
    for (const end of ['COMMIT', 'ROLLBACK']) {
      const token = { table: name, id: newToken() }
      await original.query('BEGIN')
      await original.query(`INSERT INTO ${name} VALUES ('${token.id}')`)
      let ended = false
      const resolved = resolveToken(token, ask(admin)).then((outcome) => [outcome, ended])
      const waiting = async (): Promise<boolean> =>
        (
          await server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%ON CONFLICT%'",
          )
        ).length > 0
      while (!(await waiting())) await new Promise((resolve) => setImmediate(resolve))
      ended = true
      await original.query(end)
      expect(await resolved).toEqual([end === 'COMMIT' ? 'committed' : 'rolled-back', true])
    }
    await original.end()
    await admin.end()
  })
  it('fences: a late original fails on the primary key', async () => {
    const url = await server.createDatabase()
    const admin = await setUp(url)
    const token = { table: name, id: newToken() }
    expect(await resolveToken(token, ask(admin))).toBe('rolled-back')
    expect(await failure(admin.query(`INSERT INTO ${name} VALUES ('${token.id}')`))).toMatchObject({
      code: '23505',
    })
    await admin.end()
  })
  it('is told from that of a resolver whose own answer was lost', async () => {
    const url = await server.createDatabase()
    const admin = await setUp(url)
    const token = { table: name, id: newToken() }
    await resolveToken(token, ask(admin))
    expect(await resolveToken(token, ask(admin))).toBe('rolled-back')
    await admin.end()
  })
  it('is removed when it is old, a bounded number at a time', async () => {
    const url = await server.createDatabase()
    const admin = await setUp(url)
    for (let i = 0; i < 5; i++) await admin.query(`INSERT INTO ${name} VALUES ('${newToken()}')`)
    expect((await admin.query(tokenTable(name).prune())).rowCount).toBe(0)
    expect((await admin.query(tokenTable(name).prune(-1000, 3))).rowCount).toBe(3)
    expect((await admin.query(tokenTable(name).prune(-1000, 3))).rowCount).toBe(2)
    await admin.end()
  })
  it.each([
    ['a day and more behind', 'in-doubt'],
    ['hours behind', 'rolled-back'],
    ['right', 'rolled-back'],
    ['ahead', 'rolled-back'],
  ])(
    'that may have been removed proves nothing: made by a clock that is %s',
    async (clock, told) => {
      const url = await server.createDatabase()
      const admin = await setUp(url)
      const hour = 60 * 60 * 1000
      const offsets: Record<string, number> = { right: 0, ahead: hour, 'hours behind': -2 * hour }
      const made = (at: number): string => {
        vi.useFakeTimers({ now: Date.now() + at, toFake: ['Date'] })
        const token = newToken()
        vi.useRealTimers()
        return token
      }
      const token = { table: name, id: made(offsets[clock] ?? -25 * hour) }
      const { prune } = tokenTable(name)
      // Whatever is old enough goes with it.
      await admin.query(`INSERT INTO ${name} VALUES ('${token.id}'), ('${made(-30 * hour)}')`)
      await admin.query(prune())
      await admin.query(`DELETE FROM ${name} WHERE token = '${token.id}'`)
      expect(await resolveToken(token, ask(admin))).toBe(told)
      expect((await admin.query(prune())).rowCount).toBe(told === 'in-doubt' ? 2 : 0)
      const { rows } = await admin.query(
        `SELECT FROM ${name} WHERE token >= 'ffffffff-0000-8000-8000-000000000000'`,
      )
      expect(rows).toHaveLength(1)
      await admin.end()
    },
  )
  it('without its table is an error that names it, and nothing is written', async () => {
    const url = await server.createDatabase()
    const pool = poolOn(url, { witness: { token: 'missing' } })
    await pool.query('SELECT 1')
    expect(await failure(pool.query('CREATE TABLE t (a int)'))).toMatchObject({ code: '42P01' })
    await pool.end()
  })
  it.each(['a..b', '', 'a.b.c.d', '"x'])('refuses %o for a name', (wrong) => {
    expect(() => tokenTable(wrong)).toThrow(TypeError)
  })
})

function ask(client: pg.Client): Parameters<typeof resolveToken>[1] {
  return async (text, values) => {
    const { rows } = await client.query({ text, values: values ?? [], rowMode: 'array' })
    return { rows, code: undefined }
  }
}
