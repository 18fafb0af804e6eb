import { describe, expect, it } from 'vitest'
import {
  commandComplete,
  errorResponse,
  parameterStatus,
  readyForQuery,
} from '../../../test/kit/index.ts'
import { Backend, type Fault } from './backend.ts'
import { failure, poolOn } from './support.ts'

describe('a server that reports nothing of itself, as before PostgreSQL 14', () => {
  it.each([
    ['primary', [true, true, false]],
    ['read-write', [true, true, false]],
    ['standby', [false, false, true]],
    ['read-only', [false, false, true]],
  ] as const)('is asked whether it is %s, until it is', async (target, standbys) => {
    await using backend = await Backend.start([], { standbys: [...standbys] })
    const pool = poolOn(backend.url, { target })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.fake.connections).toBe(3)
    await pool.end()
  })
  it('is not asked where any server will do', async () => {
    await using backend = await Backend.start([], { standbys: [true] })
    const pool = poolOn(backend.url, { target: 'any' })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.fake.connections).toBe(1)
    await pool.end()
  })
})

describe('a server that is a standby all of a sudden, and refuses a write (25006)', () => {
  const refusal = errorResponse({
    S: 'ERROR',
    V: 'ERROR',
    C: '25006',
    M: 'cannot execute INSERT in a read-only transaction',
    F: 'utility.c',
    L: '1',
    R: 'PreventCommandIfReadOnly',
  })
  const demoted =
    (...before: Buffer[]): Fault =>
    (peer) =>
      peer.send(...before, parameterStatus('in_hot_standby', 'on'), refusal, readyForQuery('I'))
  const insert = 'INSERT INTO t VALUES (1)'

  it.each(['primary', 'read-write'] as const)(
    'is left for one that takes it, where a %s is wanted',
    async (target) => {
      await using backend = await Backend.start([{ [insert]: demoted() }])
      const pool = poolOn(backend.url, { target })
      expect((await pool.query(insert)).rowCount).toBe(1)
      expect(backend.sent(insert)).toBe(2)
      await pool.end()
    },
  )
  it.each([
    ['where any server will do', 'any', insert, []],
    ['where it is a standby that is wanted', 'standby', insert, []],
    ['of a procedure, which may have committed', 'primary', 'CALL p()', []],
    [
      'behind what has been committed',
      'primary',
      `${insert}; COMMIT; ${insert}`,
      [commandComplete('INSERT 0 1'), commandComplete('COMMIT')],
    ],
    ['of a text that may have committed', 'primary', `COMMIT; ${insert}`, []],
  ] as const)('is the answer %s', async (_what, target, text, before) => {
    const standbys = [target === 'standby']
    await using backend = await Backend.start([{ [text]: demoted(...before) }], { standbys })
    const pool = poolOn(backend.url, { target })
    expect(await failure(pool.query(text))).toMatchObject({ code: '25006', severity: 'ERROR' })
    expect(backend.sent(text)).toBe(1)
    await pool.end()
  })
})
