import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { failFast } from '@reprise/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  authenticationOk,
  backendKeyData,
  commandComplete,
  errorResponse,
  fatal,
  type Peer,
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
import { bare, insert, replicating } from './wire-row.ts'

vi.setConfig({ testTimeout: 20_000 })

const direct = { direct: true }
const starting = { '': greeting(fatal('57P03', 'ProcessStartupPacket')) }

/** How many timers keep this process alive. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

interface Wired {
  readonly connection: {
    readonly stream: { readonly bytesRead: number; readonly destroyed: boolean }
  }
}
const streamOf = (client: unknown): Wired['connection']['stream'] =>
  (client as Wired).connection.stream

/** A transaction of these statements, whose COMMIT loses its connection. */
async function commits(
  faults: Record<string, Fault>,
  answers: Partial<Answers>,
  texts: readonly string[],
  options = {},
): Promise<{ readonly answer: unknown; readonly backend: Backend }> {
  await using backend = await Backend.start([faults], { ...direct, ...answers })
  const pool = poolOn(backend.url, options)
  const client = await pool.connect()
  for (const text of texts) await client.query(text)
  const answer = await client.query('COMMIT').catch((error) => error)
  await client.query('ROLLBACK').catch(() => undefined)
  client.release(true)
  await pool.end()
  return { answer, backend }
}
const lost = { COMMIT: instead() }

describe('what became of a COMMIT is known', () => {
  it('although the session held a lock that no other connection can be given', async () => {
    const texts = ['SELECT pg_advisory_lock(1)', 'BEGIN', insert]
    const { answer, backend } = await commits(lost, { statuses: ['committed'] }, texts)
    expect(answer).toMatchObject({ command: 'COMMIT' })
    expect(backend.asked('pg_xact_status')).toBe(1)
  })
  it('although no retry is left in the budget', async () => {
    const budget = { capacity: 1e-9, deposit: 1e-9, perSecond: 1e-9 }
    const answers = { statuses: ['committed'] }
    const { answer } = await commits(lost, answers, ['BEGIN', insert], { budget })
    expect(answer).toMatchObject({ command: 'COMMIT' })
  })
  it('by an id that had to be drawn and was not: nothing can have been written', async () => {
    const { answer, backend } = await commits(lost, { xid: null }, ['BEGIN', 'SELECT f()'])
    expect(answer).toMatchObject({ command: 'COMMIT' })
    expect(backend.asked('WITH builtin')).toBe(0)
    expect(backend.sent('SELECT f()')).toBe(1)
  })
  it('by the id that came before it was sent, of what only seemed to read', async () => {
    const answers = { statuses: ['committed'] }
    const texts = ['BEGIN', 'SELECT 1']
    const { answer, backend } = await commits(lost, answers, texts, { exactlyOnce: true })
    expect(answer).toMatchObject({ command: 'COMMIT' })
    expect(backend.asked('pg_xact_status')).toBe(1)
  })
  it('but not by an id that nobody had to draw: whether it only read is proved', async () => {
    const texts = ['BEGIN', 'SELECT 1']
    const { answer, backend } = await commits(lost, { xid: null }, texts, { exactlyOnce: true })
    expect(answer).toMatchObject({ command: 'COMMIT' })
    expect(backend.lives[1]).toContain('SET TRANSACTION READ ONLY')
  })
  it('where its answer came before the client was closed', async () => {
    const silent: Fault = async (peer) => {
      await peer.send(commandComplete('COMMIT'))
      await peer.hang()
    }
    await using backend = await Backend.start([{ COMMIT: silent }], direct)
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(insert)
    const stream = streamOf(client)
    const before = stream.bytesRead
    const answer = client.query('COMMIT').catch((error) => error)
    await until(() => stream.bytesRead > before)
    client.release(true)
    expect(await answer).toMatchObject({ command: 'COMMIT' })
    await pool.end()
    expect(backend.fake.connections).toBe(1)
  })
})

describe('a transaction that only read, executed again READ ONLY to know that of its COMMIT,', () => {
  const failing = (code: string): Fault => {
    return async (_peer, polite) => {
      const error = errorResponse({
        ...{ S: 'ERROR', V: 'ERROR', C: code, M: 'no' },
        ...{ F: 'utility.c', L: '1', R: 'x' },
      })
      polite.splice(0, polite.length, error, readyForQuery('E'))
      return true
    }
  }
  const read = 'SELECT 1'
  it.each<[string, Record<string, Fault>, Record<string, Fault>, object]>([
    ['only read where nothing is refused', {}, {}, { command: 'COMMIT' }],
    [
      'may have written where a statement is refused',
      {},
      { [read]: failing('25006') },
      { outcome: 'in-doubt' },
    ],
    [
      'only read where a statement fails as it has failed',
      { [read]: failing('22012') },
      { [read]: failing('22012') },
      { command: 'COMMIT' },
    ],
    [
      'may have written where a statement fails otherwise',
      { [read]: failing('22012') },
      { [read]: failing('25006') },
      { outcome: 'in-doubt' },
    ],
    [
      'may have written where a statement does not fail that has failed',
      { [read]: failing('22012') },
      {},
      { outcome: 'in-doubt' },
    ],
  ])('%s', async (_what, then, now, end) => {
    await using backend = await Backend.start([{ ...then, ...lost }, now], direct)
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SAVEPOINT s')
    await client.query(read).catch(() => client.query('ROLLBACK TO s'))
    expect(await client.query('COMMIT').catch((error) => error)).toMatchObject(end)
    expect(backend.sent('COMMIT')).toBe(1)
    expect(backend.lives[1]?.at(-1)).toBe('ROLLBACK')
    client.release(true)
    await pool.end()
  })
})

describe('what became of a COMMIT is not known', () => {
  it('by a wait for a standby that was given up, where the server says no more of itself', async () => {
    const { answer } = await commits(
      { COMMIT: instead(replicating, terminated) },
      { statuses: ['committed'] },
      ['BEGIN', insert],
      { witness: 'off' },
    )
    expect(answer).toMatchObject({ outcome: 'in-doubt', reason: 'unresolved' })
  })
  it('where another statement stood in one message with it: no id can tell of both', async () => {
    const text = `${insert}; COMMIT; ${insert}`
    await using backend = await Backend.start([{ [text]: instead() }], {
      ...direct,
      statuses: ['committed'],
    })
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(insert)
    expect(await failure(client.query(text))).toMatchObject({
      outcome: 'in-doubt',
      reason: 'in-doubt',
    })
    expect(backend.asked('pg_xact_status')).toBe(0)
    expect(backend.sent(text)).toBe(1)
    client.release(true)
    await pool.end()
  })
})

it('a write outside a transaction is known by the token that it left', async () => {
  await using backend = await Backend.start([{ [insert]: instead() }], direct)
  const pool = poolOn(backend.url, { witness: { token: 'tokens' } })
  expect(await failure(pool.query(insert))).toMatchObject({
    outcome: 'committed',
    reason: 'result-unknown',
  })
  expect(backend.sent(insert)).toBe(1)
  await pool.end()
})

describe('a function that nobody knows, and that loses its connection each time,', () => {
  const ended = { 'SELECT f()': instead(terminated) }
  it('is executed four times', async () => {
    await using backend = await Backend.start(Array.from({ length: 9 }, () => ended))
    const pool = poolOn(backend.url)
    expect(await failure(pool.query('SELECT f()'))).toMatchObject({ reason: 'repeated' })
    expect(backend.sent('SELECT f()')).toBe(4)
    await pool.end()
  })
  it('and not once less where the first connection was lost before it was sent', async () => {
    const idle = { 'SELECT 1': behind(terminated) }
    await using backend = await Backend.start([idle, ended, ended, ended])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('SELECT 1')
    expect((await client.query('SELECT f()')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT f()')).toBe(4)
    client.release()
    await pool.end()
  })
})

describe('a replay may be what crashes the server', () => {
  const life = (number: number): string[] => ['7000', '00000001', `${number}.5`, '1000.5']
  it.each<[string, Fault]>([
    ['where its backend says that another crashed', instead(fatal('57P02', 'quickdie'))],
    ['where somebody, but no backend, says that it was ended', instead(bare)],
  ])('%s', async (_where, end) => {
    const again = { 'SELECT 1': end }
    await using backend = await Backend.start([{ 'SELECT 2': instead() }, again, again, again], {
      ...direct,
      incarnation: life,
    })
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1')
    expect(await failure(client.query('SELECT 2'))).toMatchObject({ reason: 'repeated' })
    expect(backend.sent('SELECT 1')).toBe(2)
    client.release(true)
    await pool.end()
  })
})

describe('a recovery', () => {
  it('leaves no timer behind, whatever comes of it', async () => {
    const before = timers()
    const call = { 'CALL p()': instead() }
    const faults = [{ 'SELECT 1': instead(terminated) }, { ...call, 'SELECT 3': instead() }]
    await using backend = await Backend.start([...faults, call], direct)
    const pool = poolOn(backend.url, { probeAfter: 1e6 }, { idleTimeoutMillis: 0 })
    const client = await pool.connect()
    await client.query('SELECT 1')
    expect(await failure(client.query('CALL p()'))).toMatchObject({ outcome: 'in-doubt' })
    client.release(true)
    await pool.end()
    await until(() => timers() <= before)
  })
  it('does not wait where the caller does not', async () => {
    const down = Array.from({ length: 9 }, () => starting)
    await using backend = await Backend.start([{ [insert]: instead(terminated) }, ...down])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    expect(await failure(failFast(() => client.query(insert)))).toMatchObject({
      reason: 'down',
      outcome: 'rolled-back',
    })
    client.release(true)
    await pool.end()
  })
  it('does not take for a statement that ran for long what its own process was stopped in', async () => {
    // Nothing of this process runs meanwhile, as after SIGSTOP.
    const stopped: Fault = async (peer: Peer) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3500)
      await peer.send(terminated)
    }
    const lose = { 'SELECT 0': instead(terminated) }
    await using backend = await Backend.start([lose, { 'SELECT 1': stopped }], { restarted: false })
    const pool = poolOn(backend.url, { operatorAfter: 3000 })
    await pool.query('SELECT 0')
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    await pool.end()
  })
})

describe('the deadline', () => {
  // Every pause is as long as it may be.
  const options = { deadline: 1000, backoff: { base: 400, cap: 400 } }
  beforeEach(() => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })
  it('is one for all connections that end before the work is sent', async () => {
    const soon = {
      '': greeting(authenticationOk, backendKeyData(1, 1), readyForQuery('I'), terminated),
    }
    const lose = { 'SELECT 1': behind(terminated) }
    await using backend = await Backend.start([lose, ...Array.from({ length: 30 }, () => soon)])
    const pool = poolOn(backend.url, options)
    const client = await pool.connect()
    const stream = streamOf(client)
    await client.query('SELECT 1')
    await until(() => stream.destroyed)
    expect(await failure(client.query(insert))).toMatchObject({
      reason: 'deadline',
      outcome: 'not-sent',
    })
    expect(backend.sent(insert)).toBe(0)
    client.release(true)
    await pool.end()
  })
  it('begins anew with each time that the work was sent', async () => {
    const lose = { 'SELECT 1': instead(terminated) }
    await using backend = await Backend.start([lose, lose, lose, lose])
    const pool = poolOn(backend.url, options)
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(5)
    await pool.end()
  })
})

describe('what is told of a transaction', () => {
  it('whose connection was lost while it was idle is that it was rolled back', async () => {
    using recoveries = listen('reprise:recovery')
    await using backend = await Backend.start([{ [insert]: behind(terminated) }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    const stream = streamOf(client)
    await client.query(insert)
    await until(() => stream.destroyed)
    await client.query('COMMIT')
    expect(recoveries.seen).toMatchObject([
      { outcome: 'rolled-back', inTransaction: true, idle: true, by: 'replay', statements: 2 },
    ])
    client.release()
    await pool.end()
  })
  it('and of a statement alone, that it was not sent', async () => {
    using recoveries = listen('reprise:recovery')
    await using backend = await Backend.start([{ 'SELECT 1': behind(terminated) }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    const stream = streamOf(client)
    await client.query('SELECT 1')
    await until(() => stream.destroyed)
    await client.query(insert)
    expect(recoveries.seen).toMatchObject([
      { outcome: 'not-sent', inTransaction: false, idle: true, by: 'reconnect', statements: 0 },
    ])
    client.release()
    await pool.end()
  })
  it('is told in the context in which the work was asked for, which is not that of its socket', async () => {
    const asker = new AsyncLocalStorage<string>()
    const heard: unknown[] = []
    const hear = (): unknown => heard.push(asker.getStore())
    subscribe('reprise:recovery', hear)
    using recoveries = listen('reprise:recovery')
    await using backend = await Backend.start([{ 'SELECT 1': instead(terminated) }])
    const pool = poolOn(backend.url)
    const client = await asker.run('holder', () => pool.connect())
    await asker.run('asker', () => client.query('SELECT 1'))
    unsubscribe('reprise:recovery', hear)
    expect(heard).toEqual(['asker'])
    expect(recoveries.seen).toMatchObject([{ by: 'repeat', attempts: 1 }])
    expect(recoveries.seen[0]?.duration).toBeGreaterThan(0)
    expect(recoveries.seen[0]?.duration).toBeLessThan(20_000)
    client.release()
    await pool.end()
  })
  it('is nothing where the session gave up a connection itself, to ask its server in another way', async () => {
    using recoveries = listen('reprise:recovery')
    await using backend = await Backend.start([], {
      unknown: /pg_current_xact_id|pg_control_system/,
    })
    const pool = poolOn(backend.url)
    expect((await pool.query(insert)).command).toBe('INSERT')
    expect(backend.fake.connections).toBe(2)
    expect(recoveries.seen).toEqual([])
    await pool.end()
  })
  it('that its COMMIT is in doubt, and not that it was undone', async () => {
    using recoveries = listen('reprise:recovery')
    await commits(lost, { statuses: ['committed'] }, ['BEGIN', insert])
    expect(recoveries.seen[0]).toMatchObject({
      outcome: 'in-doubt',
      inTransaction: true,
      idle: false,
      by: 'answer',
    })
  })
})
