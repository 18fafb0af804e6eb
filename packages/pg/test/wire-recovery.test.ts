import { describe, expect, it, vi } from 'vitest'
import {
  commandComplete,
  errorResponse,
  fatal,
  readyForQuery,
  until,
} from '../../../test/kit/index.ts'
import {
  type Answers,
  Backend,
  behind,
  type Fault,
  greeting,
  instead,
  terminated,
} from './backend.ts'
import { failure, listen, poolOn } from './support.ts'
import { bare, crash, insert, pooler, quick, replicating } from './wire-row.ts'

vi.setConfig({ testTimeout: 20_000 })

const fencing = 'pg_terminate_backend(a.pid)'
/** A pause that no test waits for. */
const endless = { base: 2 ** 30, cap: 2 ** 30 }
const waiting = 'synchronous_standby_names'
const password = greeting(fatal('28P01', 'auth_failed', { file: 'auth.c' }))
const crashed = fatal('57P02', 'quickdie')
const life = (crash: number, start = '1000.5'): string[] => [
  '7000',
  '00000001',
  `${crash}.5`,
  start,
]
/** Each connection finds that the server crashed since the last. */
const crashing = { direct: true, incarnation: (number: number) => life(number) }

/** Where it is executed first, and where it is executed again READ ONLY. */
const first = (fault: Fault): Record<string, Fault> => ({ 'SELECT 1': fault })
const again = (fault: Fault): Record<string, Fault> => ({
  'SELECT 1': fault,
  'BEGIN READ ONLY': fault,
})

describe('what was in flight when its server crashed is executed once more, and not again', () => {
  it.each<[string, string[], Fault]>([
    ['a read, said by a FATAL', [], instead(crashed)],
    ['a read, said by a notice', [], instead(crash)],
    ['a statement of a transaction', ['BEGIN'], instead(crashed)],
  ])('%s', async (_name, before, fault) => {
    await using backend = await Backend.start([first(fault), again(fault)])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    for (const text of before) await client.query(text)
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'repeated' })
    expect(backend.sent('SELECT 1')).toBe(2)
    client.release()
    await pool.end()
  })
  it.each<[string, string[]]>([
    ['a read', []],
    ['a statement of a transaction', ['BEGIN']],
  ])(
    '%s, said by nobody: the next connection finds that the server crashed',
    async (_name, before) => {
      await using backend = await Backend.start(
        [first(instead()), before.length > 0 ? first(instead()) : again(instead())],
        crashing,
      )
      const pool = poolOn(backend.url)
      const client = await pool.connect()
      for (const text of before) await client.query(text)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'repeated' })
      expect(backend.sent('SELECT 1')).toBe(2)
      client.release()
      await pool.end()
    },
  )
  it.each([
    ['was not restarted', () => life(1)],
    ['is another each time', (number: number) => [`800${number}`, ...life(number).slice(1)]],
    ['does not say which it is', (number: number) => [null, null, ...life(number).slice(2)]],
  ])('but often where its server %s', async (_name, now) => {
    const lost = again(instead())
    await using backend = await Backend.start([first(instead()), lost, lost], {
      direct: true,
      incarnation: now,
    })
    const pool = poolOn(backend.url)
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(4)
    await pool.end()
  })
  it('and a server that was started anew counts as one that crashed', async () => {
    await using backend = await Backend.start([first(instead()), again(instead())], {
      direct: true,
      incarnation: (number) => life(1, `${number}000.5`),
    })
    const pool = poolOn(backend.url)
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ reason: 'repeated' })
    expect(backend.sent('SELECT 1')).toBe(2)
    await pool.end()
  })
  it('but often where somebody ended its backend each time, whatever the server went through', async () => {
    const ended = { 'SELECT 1': instead(terminated) }
    await using backend = await Backend.start([ended, ended, ended], crashing)
    const pool = poolOn(backend.url)
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(4)
    await pool.end()
  })
  it('nor is a transaction replayed again that crashes it', async () => {
    const lost = { 'SELECT 1': instead() }
    await using backend = await Backend.start([{ 'SELECT 2': instead() }, lost, lost], crashing)
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1')
    expect(await failure(client.query('SELECT 2'))).toMatchObject({ reason: 'repeated' })
    expect(backend.sent('SELECT 1')).toBe(2)
    expect(backend.sent('SELECT 2')).toBe(1)
    client.release()
    await pool.end()
  })
  it('but often where somebody ended the backend of the replay', async () => {
    const ended = { 'SELECT 1': instead(terminated) }
    await using backend = await Backend.start(
      [{ 'SELECT 2': instead(terminated) }, ended, ended, ended],
      crashing,
    )
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1')
    expect((await client.query('SELECT 2')).rows).toEqual([{ a: '1' }])
    client.release()
    await pool.end()
  })
})

describe('before a doubt is told', () => {
  const direct = { direct: true }
  it('the backend that may still commit is ended', async () => {
    await using backend = await Backend.start([{ [insert]: instead() }], direct)
    const pool = poolOn(backend.url)
    expect(await failure(pool.query(insert))).toMatchObject({ outcome: 'in-doubt' })
    expect(backend.asked(fencing)).toBe(1)
    await pool.end()
  })
  it('none is looked for where the backend said that it ends', async () => {
    await using backend = await Backend.start([{ 'CALL p()': instead(terminated) }], direct)
    const pool = poolOn(backend.url)
    expect(await failure(pool.query('CALL p()'))).toMatchObject({ outcome: 'in-doubt' })
    expect(backend.fake.connections).toBe(1)
    await pool.end()
  })
  it.each<[string, (number: number) => string[], number]>([
    ['its own', () => life(1), 1],
    ['the one that was started in its place', (number) => life(1, `100${number}`), 0],
    ['another system', (number) => [String(number), '00000001', '1.5', '1000.5'], 0],
    ['one that has crashed, whose start is the same', life, 1],
  ])('it is looked for on %s', async (_where, incarnation, times) => {
    await using backend = await Backend.start([{ [insert]: instead() }], { ...direct, incarnation })
    const pool = poolOn(backend.url)
    expect(await failure(pool.query(insert))).toMatchObject({ outcome: 'in-doubt' })
    expect(backend.asked(fencing)).toBe(times)
    await pool.end()
  })
  it('it is ended as well where the doubt is of an execution before the last', async () => {
    await using backend = await Backend.start([{ 'SELECT f()': instead() }, again(instead())], {
      direct: true,
    })
    const pool = poolOn(backend.url)
    expect((await pool.query('SELECT f()')).rows).toEqual([{ a: '1' }])
    expect(backend.asked(fencing)).toBe(2)
    await pool.end()
  })
  it('a server that does not come back keeps it from nobody beyond the deadline', async () => {
    const silent: Fault = (peer) => peer.hang()
    await using backend = await Backend.start([{ [insert]: instead() }, { '': silent }], direct)
    const pool = poolOn(backend.url, { deadline: 1000 })
    expect(await failure(pool.query(insert))).toMatchObject({ outcome: 'in-doubt' })
    await pool.end()
  })
})
const refusal = { S: 'ERROR', V: 'ERROR', C: '25006', M: 'no', F: 'utility.c', L: '1', R: 'x' }

describe('what was lost, and cannot be carried on', () => {
  it('because the server refuses the session, is told with the reason and the server’s word', async () => {
    await using backend = await Backend.start([{ [insert]: instead(terminated) }, { '': password }])
    const pool = poolOn(backend.url)
    const error = await failure(pool.query(insert))
    expect(error).toMatchObject({
      attempts: 2,
      reason: 'refused',
      outcome: 'rolled-back',
      cause: { code: '28P01' },
    })
    await pool.end()
  })
  it('because its state is refused, is told so, with the code', async () => {
    const no: Fault = async (peer) => {
      await peer.send(errorResponse({ ...refusal, C: '42704' }), readyForQuery('I'))
      await peer.hang()
    }
    await using backend = await Backend.start([
      { 'SELECT 1': instead(terminated) },
      { 'SET a = 1': no },
    ])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('SET a = 1')
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    client.release()
    await pool.end()
  })
  it('without a connection of ours is told at once where there is no doubt', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': instead() }], { direct: true })
    const pool = poolOn(backend.url, { replay: 'off' })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(insert)
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'replay-off' })
    expect(backend.fake.connections).toBe(1)
    client.release()
    await pool.end()
  })
  it('because its lock went with the connection, is told so', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': instead(terminated) }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('SELECT pg_advisory_lock(1)')
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    expect(backend.sent('SELECT 1')).toBe(1)
    expect(backend.fake.connections).toBe(1)
    client.release()
    await pool.end()
  })
  it('because replays are not wanted, is told so', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': instead(terminated) }])
    const pool = poolOn(backend.url, { replay: 'off' })
    const client = await pool.connect()
    await client.query('BEGIN')
    expect(await failure(client.query('SELECT 1'))).toMatchObject({
      reason: 'replay-off',
      outcome: 'rolled-back',
    })
    client.release()
    await pool.end()
  })
  it.each(['CALL p()', `${insert}; ${insert}`, 'SELECT pg_terminate_backend(1)'])(
    'because it would have to be held, is told that it cannot be: %s',
    async (text) => {
      for (const exactlyOnce of [true, false]) {
        await using backend = await Backend.start([{ [text]: instead() }])
        const pool = poolOn(backend.url, { exactlyOnce })
        expect(await failure(pool.query(text))).toMatchObject({
          reason: 'not-held',
          outcome: 'in-doubt',
        })
        await pool.end()
      }
    },
  )
  it('because it was not held, is told that it can be', async () => {
    await using backend = await Backend.start([{ [insert]: instead() }])
    const pool = poolOn(backend.url)
    expect(await failure(pool.query(insert))).toMatchObject({
      reason: 'in-doubt',
      outcome: 'in-doubt',
    })
    await pool.end()
  })
  it('because its transaction answers otherwise, is rolled back at once', async () => {
    await using backend = await Backend.start([{ 'SELECT 2': instead(terminated) }], {
      changes: 'SELECT 1',
    })
    using replayed = listen('reprise:replay')
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1')
    expect(await failure(client.query('SELECT 2'))).toMatchObject({
      reason: 'diverged',
      code: '40001',
      outcome: 'rolled-back',
    })
    expect(replayed.seen).toMatchObject([{ statements: 2, diverged: true }])
    expect(backend.lives[1]).toEqual(['BEGIN', 'SELECT 1', 'ROLLBACK'])
    expect(await failure(client.query('SELECT 3'))).toMatchObject({ code: '25P02' })
    await client.query('ROLLBACK')
    expect((await client.query('SELECT 3')).rows).toEqual([{ a: '1' }])
    client.release()
    await pool.end()
  })
})

describe('whoever waits no more', () => {
  const silent: Fault = (peer) => peer.hang()
  it.each<[string, Record<string, Fault>[], number, string]>([
    ['for an answer', [{ [insert]: silent }], 1, 'in-doubt'],
    ['for a connection', [{ [insert]: instead(terminated) }, { '': silent }], 2, 'rolled-back'],
  ])(
    '%s is told what is known, and nothing is done for them',
    async (_name, faults, connections, outcome) => {
      await using backend = await Backend.start(faults, { direct: true })
      const pool = poolOn(backend.url)
      const client = await pool.connect()
      const error = failure(client.query(insert))
      await until(() => backend.fake.connections === connections && backend.sent(insert) === 1)
      client.release(true)
      expect(await error).toMatchObject({ reason: 'closed', outcome })
      await pool.end()
      expect(backend.fake.connections).toBe(connections)
    },
  )
  it('because the deadline has come is told so, with the last word of the server', async () => {
    const starting = { '': greeting(fatal('57P03', 'ProcessStartupPacket')) }
    await using backend = await Backend.start([
      { [insert]: instead(terminated) },
      ...Array.from({ length: 1000 }, () => starting),
    ])
    const pool = poolOn(backend.url, { deadline: 1000 })
    expect(await failure(pool.query(insert))).toMatchObject({
      reason: 'deadline',
      outcome: 'rolled-back',
      cause: { code: '57P03' },
    })
    await pool.end()
  })
  it('because each answer to a question is lost has waited no longer than the deadline', async () => {
    await using backend = await Backend.start([
      { COMMIT: instead() },
      ...Array.from({ length: 10_000 }, () => ({ '? pg_xact_status': instead() })),
    ])
    const pool = poolOn(backend.url, { deadline: 1000 })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(insert)
    expect(await failure(client.query('COMMIT'))).toMatchObject({
      reason: 'deadline',
      outcome: 'in-doubt',
    })
    client.release()
    await pool.end()
  })
})

describe('work that loses one new connection after the other', () => {
  it('is tried again at once the first time, and after a pause from then on', async () => {
    const ended = { 'SELECT 1': instead(terminated) }
    await using backend = await Backend.start([ended, ended, ended, ended])
    const pool = poolOn(backend.url, { backoff: endless, deadline: 1000 })
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({
      reason: 'deadline',
      cause: { code: '57P01' },
    })
    expect(backend.fake.connections).toBe(2)
    await pool.end()
  })
  it('is not tried again where its server has no budget left for that', async () => {
    const ended = { 'SELECT 1': instead(terminated) }
    await using backend = await Backend.start([ended, ended])
    const budget = { capacity: 1, deposit: 1e-9, perSecond: 1e-9 }
    const pool = poolOn(backend.url, { budget })
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ reason: 'budget', attempts: 2 })
    expect(backend.sent('SELECT 1')).toBe(2)
    await pool.end()
  })
  it('is tried again on a server that stays up, where it had not run for long', async () => {
    await using backend = await Backend.start([{ [insert]: instead(terminated) }], {
      restarted: false,
    })
    const pool = poolOn(backend.url)
    expect((await pool.query(insert)).rowCount).toBe(1)
    expect(backend.asked('pg_postmaster_start_time() >')).toBe(0)
    await pool.end()
  })
})

describe('a transaction that is replayed', () => {
  const direct = { direct: true }
  it('is told of, and is the transaction from then on: its commit is resolved by its new id', async () => {
    await using backend = await Backend.start(
      [{ 'SELECT 2': instead(terminated) }, { COMMIT: instead() }],
      { ...direct, statuses: ['committed'] },
    )
    using replayed = listen('reprise:replay')
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    for (const text of ['BEGIN', insert, 'SELECT 2']) await client.query(text)
    expect(backend.questions[1]?.some((text) => text.includes('pg_current_xact_id'))).toBe(true)
    await client.query('COMMIT')
    expect(replayed.seen).toMatchObject([{ statements: 2, diverged: false }])
    expect(replayed.seen[0]?.duration).toBeGreaterThan(0)
    expect(replayed.seen[0]?.duration).toBeLessThan(20_000)
    expect(backend.asked('pg_xact_status')).toBe(1)
    client.release()
    await pool.end()
  })
  it('is replayed with all of it when it is lost again', async () => {
    await using backend = await Backend.start([
      { 'SELECT 2': instead(terminated) },
      { 'SELECT 3': instead(terminated) },
    ])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    for (const text of ['BEGIN', insert, 'SELECT 2', 'SELECT 3']) await client.query(text)
    expect(backend.lives[2]).toEqual(['BEGIN', insert, 'SELECT 2', 'SELECT 3'])
    client.release()
    await pool.end()
  })
  it('has the backend of a replay ended that was lost without a word', async () => {
    await using backend = await Backend.start(
      [{ 'SELECT 2': instead() }, { 'SELECT 1': instead() }],
      direct,
    )
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    for (const text of ['BEGIN', 'SELECT 1', 'SELECT 2']) await client.query(text)
    expect(backend.asked(fencing)).toBe(2)
    client.release()
    await pool.end()
  })
  it('diverges where the server says that none is open', async () => {
    const closed: Fault = async (_peer, polite) => {
      polite.splice(-1, 1, readyForQuery('I'))
      return true
    }
    await using backend = await Backend.start([
      { 'SELECT 2': instead(terminated) },
      { BEGIN: closed },
    ])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    for (const text of ['BEGIN', insert]) await client.query(text)
    expect(await failure(client.query('SELECT 2'))).toMatchObject({ reason: 'diverged' })
    expect(backend.sent(insert)).toBe(1)
    client.release()
    await pool.end()
  })
})

describe('the cause of what is told is the first thing that was seen of it', () => {
  const deny: [string, Fault, object][] = [
    ['the error of the statement', instead(terminated), { code: '57P01' }],
    ['a notice', instead(quick), { code: '57P01', severity: 'WARNING' }],
    ['a pooler’s error', instead(pooler), { code: '08P01' }],
    ['a FATAL that names nobody', instead(bare), { code: '57P01' }],
    ['the end of the socket', instead(), { message: 'Connection terminated unexpectedly' }],
  ]
  it.each(deny)('%s', async (_name, fault, cause) => {
    await using backend = await Backend.start([{ 'CALL p()': fault }])
    const pool = poolOn(backend.url)
    const error = await failure(pool.query('CALL p()'))
    expect(error).toMatchObject({ outcome: 'in-doubt', cause })
    await pool.end()
  })
})

describe('what became of a COMMIT', () => {
  const lost = (
    answers: Parameters<typeof Backend.start>[1] = {},
    commit = 'COMMIT',
    fault = instead(),
  ) => Backend.start([{ [commit]: fault }], { direct: true, ...answers })
  async function commits(
    url: string,
    options = {},
    commit = 'COMMIT',
    texts = [insert],
  ): Promise<unknown> {
    const pool = poolOn(url, options)
    const client = await pool.connect()
    await client.query('BEGIN')
    for (const text of texts) await client.query(text)
    const answer = await client.query(commit).catch((error) => error)
    await client.query('ROLLBACK').catch(() => undefined)
    client.release()
    await pool.end()
    return answer
  }
  it('is told with how long it took', async () => {
    await using backend = await lost({ statuses: ['committed'] })
    using resolved = listen('reprise:resolve')
    expect(await commits(backend.url)).toMatchObject({ command: 'COMMIT' })
    expect(resolved.seen).toMatchObject([{ outcome: 'committed', host: '127.0.0.1' }])
    expect(resolved.seen[0]?.duration).toBeGreaterThan(0)
    expect(resolved.seen[0]?.duration).toBeLessThan(20_000)
  })
  it('and was to open the next: its answer is not made up, since that went with it', async () => {
    await using backend = await lost({ statuses: ['committed'] }, 'COMMIT AND CHAIN')
    expect(await commits(backend.url, {}, 'COMMIT AND CHAIN')).toMatchObject({
      reason: 'result-unknown',
      outcome: 'committed',
    })
  })
  it('cannot be told: in doubt', async () => {
    await using backend = await lost({ statuses: [null] })
    using resolved = listen('reprise:resolve')
    expect(await commits(backend.url)).toMatchObject({ reason: 'unresolved', outcome: 'in-doubt' })
    expect(resolved.seen).toMatchObject([{ outcome: 'in-doubt' }])
  })
  it.each<[string, string[], string]>([
    ['has a standby that we wait for', ['t', 't'], 'COMMIT'],
    ['has none', ['f', 't'], 'COMMIT'],
  ])('is acknowledged where its server %s', async (_name, waits, command) => {
    await using backend = await lost({ statuses: ['committed'], waits })
    expect(await commits(backend.url)).toMatchObject({ command })
    expect(backend.asked(waiting)).toBe(1)
    expect(backend.asked('pg_logical_emit_message')).toBe(waits[0] === 't' ? 1 : 0)
  })
  it('is in doubt where the wait for the standby is given up again', async () => {
    await using backend = await lost({ statuses: ['committed'], waits: ['t', 't'], gaveUp: true })
    expect(await commits(backend.url)).toMatchObject({ outcome: 'in-doubt' })
  })
  it('that only read is known by executing it again READ ONLY: it is done', async () => {
    await using backend = await lost()
    using resolved = listen('reprise:resolve')
    expect(await commits(backend.url, {}, 'COMMIT', ['SELECT 1'])).toMatchObject({
      command: 'COMMIT',
    })
    expect(backend.lives[1]?.slice(0, 4)).toEqual([
      'BEGIN',
      'SET TRANSACTION READ ONLY',
      'SELECT 1',
      'ROLLBACK',
    ])
    expect(resolved.seen).toMatchObject([{ outcome: 'committed' }])
  })
  it('that only read is done although it reads otherwise now', async () => {
    await using backend = await lost({ changes: 'SELECT 1' })
    expect(await commits(backend.url, {}, 'COMMIT', ['SELECT 1'])).toMatchObject({
      command: 'COMMIT',
    })
    expect(backend.lives[1]).toContain('ROLLBACK')
  })
  it('is in doubt where READ ONLY is refused', async () => {
    const no: Fault = async (_peer, polite) => {
      polite.splice(0, polite.length, errorResponse({ ...refusal, C: '25001' }), readyForQuery('E'))
      return true
    }
    await using backend = await Backend.start(
      [{ COMMIT: instead() }, { 'SET TRANSACTION READ ONLY': no }],
      { direct: true },
    )
    expect(await commits(backend.url, {}, 'COMMIT', ['SELECT 1'])).toMatchObject({
      outcome: 'in-doubt',
      reason: 'in-doubt',
    })
    expect(backend.lives[1]).not.toContain('SELECT 1')
  })
  it('that may have written is not executed again to find out', async () => {
    await using backend = await lost()
    expect(await commits(backend.url, { witness: 'off' })).toMatchObject({ outcome: 'in-doubt' })
    expect(backend.sent(insert)).toBe(1)
  })
  it('that was not sent is sent again, with all of its transaction', async () => {
    await using backend = await Backend.start([{ [insert]: behind(terminated) }])
    expect(await commits(backend.url)).toMatchObject({ command: 'COMMIT' })
    expect(backend.lives[1]?.slice(0, 3)).toEqual(['BEGIN', insert, 'COMMIT'])
  })
  it('with an answer that a FATAL follows is its answer', async () => {
    await using backend = await lost({}, 'COMMIT', instead(commandComplete('COMMIT'), terminated))
    expect(await commits(backend.url)).toMatchObject({ command: 'COMMIT' })
    expect(backend.asked('pg_xact_status')).toBe(0)
  })
  it('by what wrote nothing is known by that: there was nothing to commit', async () => {
    await using backend = await lost({ xid: null })
    const texts = ['SELECT f()']
    expect(await commits(backend.url, {}, 'COMMIT', texts)).toMatchObject({ command: 'COMMIT' })
    expect(backend.asked('pg_xact_status')).toBe(0)
  })
  it.each<[string, Partial<Answers>, object]>([
    ['is known without a witness by that notice, on the same server', {}, { command: 'COMMIT' }],
    ['is not known after a crash', { incarnation: life(2) }, { outcome: 'in-doubt' }],
    [
      'is not known where nobody says which server it is',
      { incarnation: [null, null, null, null] },
      { outcome: 'in-doubt' },
    ],
    ['is not known where our own wait is given up, too', { gaveUp: true }, { outcome: 'in-doubt' }],
  ])('that waited for a standby %s', async (_name, answers, end) => {
    await using backend = await lost(answers, 'COMMIT', instead(replicating))
    expect(await commits(backend.url, { witness: 'off' })).toMatchObject(end)
  })
  it('that left a token is known by that, and by nothing else', async () => {
    await using backend = await lost({ statuses: ['aborted'] })
    const options = { witness: { token: 'tokens' } }
    expect(await commits(backend.url, options)).toMatchObject({ command: 'COMMIT' })
    expect(backend.sent('COMMIT')).toBe(1)
    expect(backend.asked('pg_xact_status')).toBe(0)
  })
  it('of a statement that was one transaction is known by that notice as well, and its answer is not', async () => {
    await using backend = await Backend.start([{ [insert]: instead(replicating) }], {
      direct: true,
    })
    const pool = poolOn(backend.url, { witness: 'off' })
    expect(await failure(pool.query(insert))).toMatchObject({
      reason: 'result-unknown',
      outcome: 'committed',
    })
    await pool.end()
  })
  it('whose wait for a standby was given up is done where ours has waited, whatever its id', async () => {
    await using backend = await lost(
      { waits: ['t', 't'], statuses: ['committed'] },
      'COMMIT',
      instead(replicating),
    )
    expect(await commits(backend.url)).toMatchObject({ command: 'COMMIT' })
  })
})

describe('a read in doubt', () => {
  it('by a function that drew an id is known by that: its answer is delivered', async () => {
    const text = 'SELECT f()'
    await using backend = await Backend.start([{ [`${text} Sync`]: instead() }], {
      statuses: ['committed'],
    })
    const pool = poolOn(backend.url)
    expect((await pool.query(text)).rows).toEqual([{ a: '1' }])
    expect(backend.sent(text)).toBe(1)
    await pool.end()
  })
  it('whose second execution fails says nothing of the first, and leaves nothing open', async () => {
    await using backend = await Backend.start([{ 'SELECT f()': instead() }], { writes: true })
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    expect(await failure(client.query('SELECT f()'))).toMatchObject({
      reason: 'in-doubt',
      outcome: 'in-doubt',
      cause: { code: '25006' },
    })
    expect(backend.lives[1]).toEqual(['BEGIN READ ONLY', 'SELECT f()', 'COMMIT', 'ROLLBACK'])
    client.release()
    await pool.end()
  })
})

describe('what is surfaced', () => {
  it('is published with what the error says', async () => {
    await using backend = await Backend.start([{ 'CALL p()': instead(terminated) }])
    using surfaced = listen('reprise:surface')
    const pool = poolOn(backend.url)
    const error = (await failure(pool.query('CALL p()'))) as Error & Record<string, unknown>
    expect(surfaced.seen).toMatchObject([
      {
        condition: 'admin_shutdown',
        outcome: 'in-doubt',
        code: error.code,
        attempts: 1,
        advice: error.advice,
        host: '127.0.0.1',
      },
    ])
    expect(error.attempts).toBe(1)
    await pool.end()
  })
  it('for a refusal gives that as its reason, also where nothing may be in doubt', async () => {
    await using backend = await Backend.start([
      { 'SELECT 1': instead(terminated) },
      { '': password },
    ])
    const pool = poolOn(backend.url, { exactlyOnce: true })
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ reason: 'refused' })
    await pool.end()
  })
  it('of a statement alone is about that', async () => {
    await using backend = await Backend.start([
      { 'SELECT 1': behind(terminated) },
      { '': password },
    ])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('SELECT 1')
    const error = await failure(client.query(insert))
    expect(error).toMatchObject({ reason: 'refused', outcome: 'not-sent' })
    client.release()
    await pool.end()
  })
  it('of a transaction is about all of it', async () => {
    await using backend = await Backend.start([{ [insert]: behind(terminated) }, { '': password }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(insert)
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ outcome: 'rolled-back' })
    client.release()
    await pool.end()
  })
})
