import type pg from 'pg'
import Cursor from 'pg-cursor'
import { describe, expect, it } from 'vitest'
import { errorResponse, readyForQuery } from '../../../test/kit/index.ts'
import { Backend, type Fault, instead } from './backend.ts'
import { failure, poolOn } from './support.ts'

const error = (code: string): Fault => {
  const fields = {
    S: 'ERREUR',
    C: code,
    M: 'annulé',
    F: 'postgres.c',
    L: '1',
    R: 'ProcessInterrupts',
  }
  return async (_peer, polite) => {
    polite.splice(0, polite.length, errorResponse(fields), readyForQuery('I'))
    return true
  }
}
const question = '? pg_backend_pid()'

type Use = (client: pg.ClientBase) => Promise<unknown>

const ways: readonly [text: string, use: Use][] = [
  ...[
    'BEGIN ISOLATION LEVEL SERIALIZABLE',
    'DO $$BEGIN END$$',
    'INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)',
  ].map((text): [string, Use] => [text, (client) => client.query(text)]),
  ['SELECT 7', (client) => client.query(new Cursor('SELECT 7')).read(1)],
]

describe('a question who is there, ahead of the first work of a connection', () => {
  it.each(ways)('that is cancelled was meant as that work: %s', async (text, use) => {
    await using backend = await Backend.start([{ [question]: error('57014') }], { direct: true })
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    expect(await failure(use(client))).toMatchObject({ code: '57014' })
    expect(backend.sent(text)).toBe(0)
    expect(backend.fake.connections).toBe(1)
    client.release()
    await pool.end()
  })
  it('takes with it what was asked behind the BEGIN that was cancelled', async () => {
    await using backend = await Backend.start([{ [question]: error('57014') }], { direct: true })
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    const asked = ['BEGIN ISOLATION LEVEL SERIALIZABLE', 'INSERT INTO t VALUES (1)', 'COMMIT']
    const failures = asked.map((text) => failure(client.query(text)))
    expect(await Promise.all(failures)).toMatchObject([
      { code: '57014' },
      { code: '57014', outcome: 'not-sent', reason: 'unopened' },
      { code: '57014', outcome: 'not-sent', reason: 'unopened' },
    ])
    expect(backend.lives.flat()).toEqual([])
    // What is asked from now on is its own.
    for (const text of asked) await client.query(text)
    expect(backend.lives.flat()).toEqual(asked)
    client.release()
    await pool.end()
  })
  it('of a recovery is asked again, under no timeout of the role, which holds again behind it', async () => {
    const faults = [{ 'SELECT 1': instead() }, { [question]: error('57014') }]
    await using backend = await Backend.start(faults, { direct: true })
    const pool = poolOn(backend.url)
    expect((await pool.query('SELECT 1')).command).toBe('SELECT')
    const [, again = []] = backend.lives
    expect(again.filter((text) => text.includes('timeout'))).toEqual([
      'SET statement_timeout = 0',
      'RESET statement_timeout',
    ])
    expect(backend.questions[1]?.filter((text) => text.includes('pg_walfile_name'))).toHaveLength(2)
    await pool.end()
  })
  it.each(['42883', '42501'])('that is refused (%s) is not asked again', async (code) => {
    await using backend = await Backend.start([{ [question]: error(code) }], { direct: true })
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    for (let times = 0; times < 2; times++) {
      await client.query('DO $$BEGIN END$$')
    }
    expect(backend.asked('pg_walfile_name')).toBe(1)
    expect(backend.fake.connections).toBe(1)
    client.release()
    await pool.end()
  })
})
