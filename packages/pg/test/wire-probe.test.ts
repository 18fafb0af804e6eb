import { analyze, settingsOf } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { fatal, noticeResponse, type Peer, until } from '../../../test/kit/index.ts'
import { addressOf } from '../src/connection/address.ts'
import { Connection } from '../src/connection/connection.ts'
import type { PgClientClass } from '../src/connection/wire.ts'
import { type Shared, sharedBy } from '../src/exchange/shared.ts'
import { probe } from '../src/link/probe.ts'
import { type Answers, Backend, type Fault, greeting } from './backend.ts'
import { poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

const idle = ['idle', 'ClientRead', '1', 't']
const looking = 'state_change'
const fencing = 'pg_terminate_backend(a.pid)'
const usual = ['7000', '00000001', '1.5', '1000.5']

/** Says nothing for so long, then gives the answer after all. */
const silentUntil =
  (over: () => boolean | Promise<boolean>): Fault =>
  async () => {
    await until(over, { what: 'the end of the silence' })
    return true
  }
const forEver: Fault = (peer) => peer.hang()

/** A connection, and what its sessions share. */
function unconnected(
  url: string,
  options: RepriseOptions,
): { shared: Shared; connection: Connection } {
  const shared = sharedBy(pg.Client as unknown as PgClientClass, settingsOf(options))
  const connection = new Connection(shared.Base, url, { connectionEnded: () => undefined })
  return { shared, connection }
}

/** The first connection is silent until it was asked after three times. */
async function probed(
  answers: Partial<Answers>,
  others: Record<string, Fault> = {},
): Promise<Backend> {
  const silent = { 'SELECT 1': silentUntil(() => backend.fake.connections > 3) }
  const backend: Backend = await Backend.start(
    [silent, ...Array.from({ length: 20 }, () => others)],
    { direct: true, ...answers },
  )
  return backend
}

describe('a connection is taken for half-open', () => {
  it.each([
    ['its backend is idle', [idle]],
    ['its backend waits for more of the statement', [['active', 'ClientRead', '1', 't']]],
    ['its backend cannot get its answer away', [['active', 'ClientWrite', '1', 't']]],
    ['its backend is idle in its transaction', [['idle in transaction', 'Lock', '1', 't']]],
    ['its backend is gone', [undefined]],
    ['its process id is a younger backend’s', [['active', null, '1', 'f']]],
  ])('because %s, while we wait for it: a read is executed elsewhere', async (_name, looks) => {
    await using backend = await Backend.start([{ 'SELECT 1': forEver }], { direct: true, looks })
    const pool = poolOn(backend.url, { probeAfter: 20 })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.lives).toEqual([['SELECT 1'], [], ['BEGIN READ ONLY', 'SELECT 1', 'COMMIT']])
    expect(backend.questions[1]?.filter((text) => text.includes(looking))).toHaveLength(2)
    await pool.end()
  })
  it('and its backend is ended by the probe, where it is there', async () => {
    const answers = { direct: true, looks: [idle] }
    await using backend = await Backend.start([{ 'SELECT 1': forEver }], answers)
    const pool = poolOn(backend.url, { probeAfter: 20 })
    await pool.query('SELECT 1')
    expect(backend.questions[1]?.some((text) => text.includes(fencing))).toBe(true)
    await pool.end()
  })
  it('and not one that has only its process id', async () => {
    const answers = { direct: true, looks: [['idle', 'ClientRead', '1', 'f']] }
    await using backend = await Backend.start([{ 'SELECT 1': forEver }], answers)
    const pool = poolOn(backend.url, { probeAfter: 20 })
    await pool.query('SELECT 1')
    expect(backend.questions[1]?.some((text) => text.includes(fencing))).toBe(false)
    await pool.end()
  })
  it('because another was promoted in the place of its server, at the same address', async () => {
    const promoted = ['7000', '00000002', '1.5', '2000.5']
    const incarnation = (number: number): string[] => (number === 1 ? usual : promoted)
    const answers = { direct: true, looks: [['active', null, '1', 't']], incarnation }
    await using backend = await Backend.start([{ 'SELECT 1': forEver }], answers)
    const pool = poolOn(backend.url, { probeAfter: 20 })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.asked(fencing)).toBe(0)
    await pool.end()
  })
  it('because its server cannot be reached for the whole deadline', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': forEver }, { '': forEver }])
    const pool = poolOn(backend.url, { probeAfter: 20, deadline: 1000 })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(2)
    await pool.end()
  })
})

describe('a silent connection is left alone', () => {
  const twice = (state: string, wait: string | null): (string | null)[][] => [
    [state, wait, '1', 't'],
  ]
  it.each<[string, Partial<Answers>]>([
    ['its backend is at work', { looks: twice('active', null) }],
    ['its backend waits for a lock', { looks: twice('active', 'transactionid') }],
    ['we may not see what its backend does', { looks: [[null, null, null, null]] }],
    ['its backend was idle first and then at work', { looks: [idle, ['active', null, '2', 't']] }],
    [
      'its backend was idle twice, and did something in between',
      { looks: Array.from({ length: 40 }, (_, at) => ['idle', 'ClientRead', `${at}`, 't']) },
    ],
    [
      'its backend was idle first and is gone',
      { looks: Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? idle : undefined)) },
    ],
    [
      'the probe came to another server',
      { looks: [idle], incarnation: ['8000', ...usual.slice(1)] },
    ],
    [
      'the probe came to a replica of its server',
      { looks: [idle], incarnation: [...usual.slice(0, 3), '2000.5'] },
    ],
    [
      'the probe came to a server that does not say which it is',
      { looks: [idle], incarnation: [null, null, null, null] },
    ],
    [
      'the probe came to another server on a later timeline',
      { looks: [idle], incarnation: ['8000', '00000002', '1.5', '2000.5'] },
    ],
    [
      'the probe came to an older timeline of its system',
      { looks: [idle], incarnation: ['7000', '00000000', '1.5', '2000.5'] },
    ],
  ])('while %s', async (_name, answers) => {
    await using backend = await probed(answers)
    const pool = poolOn(backend.url, { probeAfter: 10 })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(1)
    expect(backend.asked(fencing)).toBe(0)
    await pool.end()
  })
  it.each([
    ['is full', fatal('53300', 'InitProcess', { file: 'proc.c' })],
    ['is being restarted', fatal('57P03', 'ProcessStartupPacket')],
    ['will not have the password any more', fatal('28P01', 'auth_failed', { file: 'auth.c' })],
  ])('while its server answers, if only that it %s', async (_name, refusal) => {
    await using backend = await probed({}, { '': greeting(refusal) })
    const pool = poolOn(backend.url, { probeAfter: 10, deadline: 1000 })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(1)
    await pool.end()
  })
  it('while the probe is answered by other backends than it was greeted by, as by a pooler', async () => {
    await using backend = await probed({ looks: [idle], pooled: true })
    const pool = poolOn(backend.url, { probeAfter: 10 })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(1)
    await pool.end()
  })
})

describe('a server that nobody may knock at now, because of what others were told', () => {
  let gates = 0
  it.each([
    ['53300', 'alive'],
    ['57P03', 'alive'],
    ['ECONNREFUSED', 'unreachable'],
    [undefined, 'unreachable'],
  ])('(%s) is %s at the deadline', async (code, found) => {
    await using backend = await Backend.start([])
    // A gate of its own, although another test may have had a server on the same port.
    const backoff = { base: 2 ** 30, cap: 2 ** 30 + gates++ }
    const { shared, connection } = unconnected(backend.url, { deadline: 50, backoff })
    const { signal } = new AbortController()
    const pass = await shared
      .server(addressOf(connection.client), connection.client)
      .gate.enter(signal)
    pass.failed(Object.assign(new Error('no'), { code }))
    expect(await probe(connection, shared, backend.url)).toBe(found)
    expect(backend.fake.connections).toBe(0)
  })
})

describe('a connection over which bytes move is alive, whatever its backend seems to be at', () => {
  const first = (times: number): boolean => times % 2 === 1
  const second = (times: number): boolean => times % 2 === 0
  const chatter = noticeResponse({ S: 'NOTICE', V: 'NOTICE', C: '00000', M: 'still here' })

  it.each([
    ['before the first look', () => true],
    ['between two looks', second],
  ])('bytes of the answer, %s', async (_name, moves) => {
    let silent: Peer | undefined
    const looked = async (times: number): Promise<void> => {
      if (moves(times)) await silent?.send(chatter)
    }
    const speaks: Fault = async (peer) => {
      silent = peer
      await until(() => backend.fake.connections > 3, { what: 'some probes' })
      return true
    }
    await using backend: Backend = await Backend.start([{ 'SELECT 1': speaks }], {
      direct: true,
      looks: [idle],
      looked,
    })
    const pool = poolOn(backend.url, { probeAfter: 10 })
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.sent('SELECT 1')).toBe(1)
    expect(backend.asked(fencing)).toBe(0)
    await pool.end()
  })
  it.each<[string, (times: number) => boolean, string]>([
    ['before the first look: alive', first, 'alive'],
    ['between two looks: alive', second, 'alive'],
    ['none: half-open', () => false, 'half-open'],
  ])('bytes of the statement, %s', async (_name, moves, found) => {
    let silent: Peer | undefined
    const looked = async (times: number): Promise<void> => {
      // The kernel takes more only when a third of its buffer is free (tcp.c sk_stream_is_writeable).
      if (moves(times)) await silent?.takes(6 << 20)
    }
    const greets: Fault = async (peer) => {
      if (peer.number === 1) silent = peer
      return true
    }
    await using backend = await Backend.start([{ '': greets }], {
      looks: [['active', 'ClientRead', '1', 't']],
      looked,
    })
    const { shared, connection } = unconnected(backend.url, { probeAfter: 10 })
    await connection.open(new AbortController().signal)
    void silent?.takes(1)
    const text = `SELECT '${'x'.repeat(16 << 20)}'`
    const exchange = new shared.Exchange({ text })
    exchange.statement = analyze(text)
    exchange.run(connection)
    expect(await probe(connection, shared, backend.url)).toBe(found)
    connection.destroy()
  })
})

it('a statement that is done by the time its silence is looked into loses nothing', async () => {
  let over = false
  const looked = async (): Promise<void> => {
    over = true
  }
  const answers = { direct: true, looks: [idle], looked }
  await using backend = await Backend.start([{ 'SELECT 1': silentUntil(() => over) }], answers)
  const pool = poolOn(backend.url, { probeAfter: 60 })
  const client = await pool.connect()
  expect((await client.query('SELECT 1')).rows).toEqual([{ a: '1' }])
  await until(() => backend.questions[1]?.length === 0 || over, { what: 'the probe' })
  expect((await client.query('SELECT 2')).rows).toEqual([{ a: '1' }])
  expect(backend.lives[0]).toEqual(['SELECT 1', 'SELECT 2'])
  client.release()
  await pool.end()
})
