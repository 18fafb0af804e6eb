import { describe, expect, it, vi } from 'vitest'
import {
  authenticationOk,
  backendKeyData,
  fatal,
  parameterStatus,
  readyForQuery,
} from '../../../test/kit/index.ts'
import { Backend, behind, type Fault, greeting, instead, terminated } from './backend.ts'
import { failure, listen, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

const starting = fatal('57P03', 'ProcessStartupPacket')
const full = fatal('53300', 'InitProcess', { file: 'proc.c' })
const noMemory = fatal('53200', 'AllocSetContextCreateInternal', { file: 'aset.c' })
const noDisk = fatal('53100', 'mdextend', { file: 'md.c' })
const password = fatal('28P01', 'auth_failed', { file: 'auth.c' })
const database = fatal('3D000', 'InitPostgres', { file: 'postinit.c' })

const greeted = [
  authenticationOk,
  parameterStatus('client_encoding', 'UTF8'),
  backendKeyData(9, 9),
  readyForQuery('I'),
]
const hiccups: [string, Fault][] = [
  ['starting (57P03)', greeting(starting)],
  ['full (53300)', greeting(full)],
  ['stopping (57P01)', greeting(terminated)],
  ['gone before the greeting', instead()],
  ['gone in the midst of the greeting', greeting(authenticationOk)],
  [
    'reset in the midst of the greeting',
    async (peer) => {
      await greeting(authenticationOk)(peer, [])
      await peer.reset()
    },
  ],
]

describe('a server that has run short of', () => {
  it.each([
    ['memory (53200)', noMemory],
    ['disk (53100)', noDisk],
  ])(
    '%s is waited for where it was there before, and a refusal where it was not',
    async (_what, short) => {
      await using backend = await Backend.start([
        { 'SELECT 1': instead(terminated) },
        { '': greeting(short) },
        { '': greeting(short) },
      ])
      const pool = poolOn(backend.url)
      expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
      expect(backend.fake.connections).toBe(4)
      await pool.end()
      await using unknown = await Backend.start([{ '': greeting(short) }])
      const first = poolOn(unknown.url)
      expect(await failure(first.query('SELECT 1'))).toMatchObject({ severity: 'FATAL' })
      expect(unknown.fake.connections).toBe(1)
      await first.end()
    },
  )
})

describe('a server that is', () => {
  it.each(hiccups)('%s is waited for by connect()', async (_name, fault) => {
    await using backend = await Backend.start([{ '': fault }, { '': fault }])
    const pool = poolOn(backend.url)
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(backend.fake.connections).toBe(3)
    await pool.end()
  })
  it.each(hiccups)('%s is waited for in the midst of a transaction', async (_name, fault) => {
    await using backend = await Backend.start([
      { COMMIT: instead(terminated) },
      { '': fault },
      { '': fault },
    ])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect(backend.lives.at(-1)).toEqual(['BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT'])
    client.release()
    await pool.end()
  })
  it('silent is given up at the deadline, for connect() as for a statement', async () => {
    const silent: Fault = (peer) => peer.hang()
    await using backend = await Backend.start([
      { '': silent },
      { 'SELECT 1': instead() },
      { '': silent },
    ])
    const pool = poolOn(backend.url, { deadline: 100 })
    const first = await failure(pool.query('SELECT 1'))
    expect(first).toMatchObject({ code: '08001', outcome: 'not-sent', reason: 'deadline' })
    const second = await failure(pool.query('SELECT 1'))
    expect(second).toMatchObject({ outcome: 'in-doubt', reason: 'deadline' })
    await pool.end()
  })
})

describe('a refusal', () => {
  it.each([
    ['28P01', password],
    ['3D000', database],
  ])('%s at connect() is the error as the server sent it', async (code, refusal) => {
    await using backend = await Backend.start([{ '': greeting(refusal) }])
    const pool = poolOn(backend.url)
    const error = await failure(pool.connect())
    expect(error).toMatchObject({ name: 'error', code, severity: 'FATAL' })
    expect(backend.fake.connections).toBe(1)
    expect(pool.totalCount).toBe(0)
    await pool.end()
  })
  it.each([
    ['28P01', password],
    ['3D000', database],
  ])('%s when it reconnects surfaces at once, with the cause', async (code, refusal) => {
    await using backend = await Backend.start([
      { 'INSERT INTO t VALUES (1)': instead(terminated) },
      { '': greeting(refusal) },
    ])
    using surfaced = listen('reprise:surface')
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    const error = await failure(client.query('INSERT INTO t VALUES (1)'))
    expect(error).toMatchObject({ outcome: 'rolled-back', reason: 'refused', cause: { code } })
    expect(backend.fake.connections).toBe(2)
    expect(surfaced.seen).toHaveLength(1)
    // The password may be right again: the client itself is not spoilt.
    expect((await client.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    client.release()
    await pool.end()
  })
})

describe('last words', () => {
  it.each([
    ['with the first ReadyForQuery', [...greeted, terminated]],
    [
      'with the first ReadyForQuery, by a pooler',
      [...greeted, fatal('08P01', '', { without: ['F', 'L', 'R', 'V'] })],
    ],
    ['in two voices', [...greeted, terminated, terminated]],
    ['never spoken', greeted],
  ])('in one chunk %s harm nobody', async (_name, chunk) => {
    await using backend = await Backend.start([
      { '': greeting(...chunk) },
      { 'SELECT 1': behind() },
      { '': greeting(...chunk) },
    ])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    expect((await client.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect((await client.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    client.release()
    await pool.end()
  })
  it('behind an answer are not taken for the next one', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': behind(terminated) }])
    using lost = listen('reprise:loss')
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    const answers = await Promise.all([
      client.query('SELECT 1'),
      client.query('INSERT INTO t VALUES (1)'),
    ])
    expect(answers.map(({ command }) => command)).toEqual(['SELECT', 'INSERT'])
    expect(backend.lives[1]).toEqual(['INSERT INTO t VALUES (1)'])
    expect(lost.seen.every(({ outcome }) => outcome !== 'in-doubt')).toBe(true)
    client.release()
    await pool.end()
  })
  it('after which the socket stays open end the connection all the same', async () => {
    const hanging: Fault = async (peer) => {
      await peer.send(terminated)
      await peer.hang()
    }
    await using backend = await Backend.start([{ 'INSERT INTO t VALUES (1)': hanging }])
    const pool = poolOn(backend.url)
    expect((await pool.query('INSERT INTO t VALUES (1)')).rowCount).toBe(1)
    expect(backend.sent('INSERT INTO t VALUES (1)')).toBe(2)
    await pool.end()
  })
})

it('frames that arrive byte by byte make no difference', async () => {
  const bytewise: Fault = async (peer) => {
    peer.chunked(1)
    return true
  }
  await using backend = await Backend.start([
    { '': bytewise, COMMIT: instead(terminated) },
    { '': bytewise },
  ])
  const pool = poolOn(backend.url)
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('INSERT INTO t VALUES (1)')
  expect((await client.query('COMMIT')).command).toBe('COMMIT')
  expect((await client.query('SELECT 1')).rows).toEqual([{ a: '1' }])
  expect(backend.fake.connections).toBe(2)
  client.release()
  await pool.end()
})
