import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  authenticationOk,
  commandComplete,
  errorResponse,
  fatal,
  noticeResponse,
  readyForQuery,
} from '../../../test/kit/index.ts'
import { Backend, type Fault, instead, terminated } from './backend.ts'
import { failure, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

const insert = 'INSERT INTO t VALUES (1)'
const report = { S: 'ERROR', V: 'ERROR', M: 'no', F: 'x.c', L: '1', R: 'f' }

/** A frame of any type, with any length and any body. */
function raw(type: string, length: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, body])
}

describe('an error that carries the code of an end, over a connection that lives on', () => {
  const alive =
    (code: string): Fault =>
    async (peer) => {
      await peer.send(errorResponse({ ...report, C: code }), readyForQuery('I'))
      await peer.readUntilSync()
      await peer.send(terminated)
      await peer.hang()
    }
  it.each(['57P01', '08006', '25P03'])(
    '%s is the answer of its statement, and no loss',
    async (code) => {
      await using backend = await Backend.start([{ 'SELECT 1': alive(code) }])
      const pool = poolOn(backend.url)
      const client = await pool.connect()
      expect(await failure(client.query('SELECT 1'))).toMatchObject({
        name: 'error',
        code,
        routine: 'f',
      })
      expect(backend.fake.connections).toBe(1)
      expect(client.getTransactionStatus()).toBe('I')
      // The patience for a socket that stays open is there for the next one as well.
      expect((await client.query('SELECT 2')).rows).toEqual([{ a: '1' }])
      expect(backend.fake.connections).toBe(2)
      client.release()
      await pool.end()
    },
  )
  it.each(['57P01', '08006'])('%s is so while the Sync of a write is held', async (code) => {
    const raised: Fault = async (peer) => {
      await peer.send(errorResponse({ ...report, C: code }))
      await peer.readUntilSync()
      await peer.send(readyForQuery('I'))
      await peer.hang()
    }
    await using backend = await Backend.start([{ [insert]: raised }])
    const pool = poolOn(backend.url, { exactlyOnce: true })
    expect(await failure(pool.query(insert))).toMatchObject({ name: 'error', code })
    expect(backend.sent(insert)).toBe(1)
    await pool.end()
  })
})

describe('a server that speaks nonsense', () => {
  const nonsense: [string, Buffer][] = [
    ['a frame of an unknown type', raw('!', 4)],
    ['a frame that never ends', raw('D', 0x7fff_ffff, Buffer.alloc(64))],
    ['a frame longer than any', raw('T', 0xffff_ffff)],
    ['a frame without a length', raw('C', 0, Buffer.from('x\0'))],
    ['a row with more fields than bytes', raw('D', 6, Buffer.from([0x7f, 0xff]))],
    ['a row with fewer fields than none', raw('D', 6, Buffer.from([0xff, 0xf0]))],
    ['a row description that breaks off', raw('T', 6, Buffer.from([0, 9]))],
    ['an authentication of another age', raw('R', 8, Buffer.from([0, 0, 0, 7]))],
    ['rows that nobody described', raw('D', 6, Buffer.from([0, 0]))],
    ['a COPY that nobody asked for', raw('G', 7, Buffer.from([0, 0, 0]))],
    ['two answers', Buffer.concat([commandComplete('INSERT 0 1'), commandComplete('INSERT 0 1')])],
  ]
  const ofAnyTime = nonsense.filter(([name]) => !name.startsWith('an authentication'))
  it.each(ofAnyTime)(
    '(%s) gets an honest error out of the statement, and the next one works',
    async (_name, bytes) => {
      await using backend = await Backend.start([{ [insert]: instead(bytes) }])
      const pool = poolOn(backend.url)
      const client = await pool.connect()
      const error = await failure(client.query(insert))
      expect(error).toMatchObject({ outcome: 'in-doubt' })
      expect(backend.sent(insert)).toBe(1)
      expect((await client.query('SELECT 1')).rows).toEqual([{ a: '1' }])
      client.release()
      await pool.end()
    },
  )
  it.each(nonsense)('(%s) in its greeting is refused or waited out', async (_name, bytes) => {
    const greet: Fault = async (peer) => {
      await peer.read()
      await peer.send(Buffer.concat([authenticationOk, bytes]))
    }
    await using backend = await Backend.start([{ '': greet }])
    const pool = poolOn(backend.url, { deadline: 2000 })
    const answer = await pool.query('SELECT 1').catch((error: Error) => error)
    expect(answer).toBeDefined()
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    await pool.end()
  })
})

describe('endless notices', () => {
  const chatter = noticeResponse({ S: 'NOTICE', V: 'NOTICE', C: '00000', M: 'x'.repeat(8000) })
  const endless: Fault = async (peer) => {
    let gone = false
    void peer.hang().then(() => {
      gone = true
    })
    while (!gone) {
      await peer.send(chatter)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  it('end with the query_timeout of the statement', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': endless }])
    const pool = poolOn(backend.url, {}, { query_timeout: 200 })
    const client = await pool.connect()
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'timeout' })
    expect((await client.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    client.release()
    await pool.end()
  })
  it('end with the client', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': endless }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    const answer = failure(client.query('SELECT 1'))
    client.release(true)
    expect(await answer).toMatchObject({ reason: 'closed' })
    await pool.end()
  })
  it('in place of a greeting end with the deadline', async () => {
    await using backend = await Backend.start([{ '': endless }])
    const pool = poolOn(backend.url, { deadline: 200 })
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ reason: 'deadline' })
    await pool.end()
  })
})

describe('wherever a conversation breaks off', () => {
  const words = [
    insert,
    'SELECT 1',
    'BEGIN',
    'COMMIT',
    'ROLLBACK',
    'SELECT f()',
    'CALL p()',
    `${insert}; ${insert}`,
  ]
  const lastWords = [
    Buffer.alloc(0),
    terminated,
    fatal('57P01', '', { without: ['F', 'L', 'R', 'V'] }),
    fatal('08P01', '', { without: ['F', 'L', 'R', 'V'] }),
    fatal('25P03', 'ProcessInterrupts'),
    noticeResponse({ ...report, C: '57P02', R: 'quickdie' }),
  ]
  it('every promise settles, by the answer or by an error with an outcome, and the client works on', async () => {
    const cut = fc.record({
      at: fc.nat(words.length - 1),
      sync: fc.boolean(),
      bytes: fc.nat(300),
      last: fc.nat(lastWords.length - 1),
      reset: fc.boolean(),
    })
    const script = fc.tuple(
      fc.array(fc.nat(words.length - 1), { minLength: 1, maxLength: 6 }),
      fc.array(cut, { maxLength: 4 }),
      fc.boolean(),
    )
    await fc.assert(
      fc.asyncProperty(script, async ([texts, cuts, exactlyOnce]) => {
        const faults = cuts.map(
          ({ at, sync, bytes, last, reset }): Record<string, Fault> => ({
            [`${words[at]}${sync ? ' Sync' : ''}`]: async (peer, polite) => {
              const whole = Buffer.concat(polite)
              await peer.send(
                whole.subarray(0, bytes),
                bytes < whole.length ? Buffer.alloc(0) : (lastWords[last] as Buffer),
              )
              if (reset) await peer.reset()
            },
          }),
        )
        await using backend = await Backend.start(faults, {
          statuses: ['in progress', 'committed'],
        })
        const pool = poolOn(backend.url, { exactlyOnce, deadline: 5000 })
        const client = await pool.connect()
        const answers = await Promise.allSettled(
          texts.map((at) => client.query(words[at] as string)),
        )
        for (const answer of answers) {
          if (answer.status === 'rejected') expect(typeof answer.reason.outcome).toBe('string')
        }
        // What a function may have left in a session that was lost before it could be asked is told.
        const told = (error: { reason?: unknown }): void => expect(error.reason).toBe('anchored')
        await client.query('ROLLBACK').catch(told)
        await client.query('SELECT 2').catch(told)
        client.release()
        expect((await pool.query('SELECT 2')).rows).toEqual([{ a: '1' }])
        await pool.end()
      }),
      { numRuns: 150, interruptAfterTimeLimit: 15_000 },
    )
  })
})
