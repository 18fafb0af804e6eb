import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { heedTimers } from '../../../test/kit/fake-clock.ts'
import {
  authenticationOk,
  backendKeyData,
  FakeServer,
  fatal,
  readyForQuery,
} from '../../../test/kit/index.ts'
import { Backend, behind, type Fault, greeting, instead, terminated } from './backend.ts'
import { listen, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

const password = fatal('28P01', 'auth_failed', { file: 'auth.c' })

// What waits, waits for as long as the tests say: sockets are real, timers are not.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  heedTimers()
})
afterEach(() => {
  vi.useRealTimers()
  heedTimers()
  vi.restoreAllMocks()
})

async function comes(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('a session that listens and is refused', () => {
  it('tries again for as long as it is held, ever more seldom, but less so after it was well', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    using surfaced = listen('reprise:surface')
    const refused = { '': greeting(password) }
    const lost = { 'LISTEN c': behind(terminated) }
    const refusals = Array.from({ length: 10 }, () => refused)
    const well = { 'SELECT 1': behind(terminated) }
    using recoveries = listen('reprise:recovery')
    // The second loss comes in one piece with an answer, when its try to listen is not over yet.
    await using backend = await Backend.start([lost, ...refusals, well, refused, refused])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('LISTEN c')

    const pauses = async (count: number): Promise<number[]> => {
      const seen: number[] = []
      for (let i = 0; i < count; i++) {
        const times = surfaced.seen.length
        if (i > 0 || times === 0) await comes(() => surfaced.seen.length > times)
        await comes(() => vi.getTimerCount() === 1)
        const from = Date.now()
        vi.advanceTimersToNextTimer()
        seen.push(Date.now() - from)
      }
      return seen
    }
    const growing = [750, 1000, 1500, 2500, 4500, 8500, 16_500, 30_500, 30_500, 30_500]
    expect(await pauses(10)).toEqual(growing)
    const isWell = (): boolean => recoveries.seen.some((each) => each.surfaced === undefined)
    await comes(() => isWell() && vi.getTimerCount() === 1)
    vi.advanceTimersToNextTimer()
    await comes(() => surfaced.seen.length > 10)
    expect(await pauses(2)).toEqual([4500, 8500])
    await comes(() => backend.lives.at(-1)?.includes('LISTEN c') === true)
    client.release()
    await pool.end()
  })
  it('waits, though not for long, for a server that ends each new connection of it', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    using losses = listen('reprise:loss')
    const soon: Fault = async (peer) => {
      void comes(() => peer.number === backend.lives.length).then(() => peer.send(terminated))
      return true
    }
    const flaps = Array.from({ length: 6 }, () => ({ 'SELECT 1': soon }))
    await using backend = await Backend.start([{ 'LISTEN c': behind(terminated) }, ...flaps])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('LISTEN c')
    const pauses: number[] = []
    for (let lives = 2; lives < 8; lives++) {
      await comes(() => losses.seen.length === lives && vi.getTimerCount() === 1)
      expect(backend.lives).toHaveLength(lives)
      const from = Date.now()
      vi.advanceTimersToNextTimer()
      pauses.push(Date.now() - from)
    }
    expect(pauses).toEqual([750, 1000, 1500, 2500, 2500, 2500])
    client.release(true)
    await pool.end()
  })
  it('keeps no timer once it is given up, so that nothing is tried and the process can leave', async () => {
    using surfaced = listen('reprise:surface')
    const lost = { 'LISTEN c': behind(terminated) }
    await using backend = await Backend.start([lost, { '': greeting(password) }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('LISTEN c')
    await comes(() => surfaced.seen.length > 0 && vi.getTimerCount() === 1)
    client.release(true)
    await pool.end()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a recovery', () => {
  const insert = 'INSERT INTO t VALUES (1)'
  it.each([
    ['a statement', 'SELECT 1', instead(terminated)],
    ['a doubt', insert, instead()],
  ])('of %s keeps no timer, so that the process can leave', async (_name, text, fault) => {
    await using backend = await Backend.start([{ [text]: fault }], { direct: true })
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query(text).catch(() => undefined)
    expect(vi.getTimerCount()).toBe(0)
    client.release(true)
    await pool.end()
  })
})

describe('a try to connect', () => {
  it('may take as long as the deadline allows, once there is a socket: a login may be slow', async () => {
    let arrived = false
    let greet = (): void => undefined
    await using fake = await FakeServer.start(async (peer) => {
      await peer.read()
      arrived = true
      await new Promise<void>((resolve) => {
        greet = resolve
      })
      await peer.send(authenticationOk, backendKeyData(9, 9), readyForQuery('I'))
      await peer.hang()
    })
    const pool = poolOn(fake.url)
    const connecting = pool.connect()
    await comes(() => arrived)
    vi.advanceTimersByTime(29_000)
    await new Promise((resolve) => setImmediate(resolve))
    greet()
    const client = await connecting
    expect(fake.connections).toBe(1)
    client.release()
    await pool.end()
  })
  it('takes no longer than the connectionTimeoutMillis of its caller, who waits for the next', async () => {
    const silent: Fault = (peer) => peer.hang()
    await using backend = await Backend.start([
      { 'SELECT 1': instead(terminated) },
      { '': silent },
      { '': silent },
    ])
    const pool = poolOn(backend.url, {}, { connectionTimeoutMillis: 5000 })
    const client = await pool.connect()
    const answer = client.query('SELECT 1')
    for (const tries of [2, 3]) {
      await comes(() => backend.fake.connections === tries)
      vi.advanceTimersByTime(4999)
      await new Promise((resolve) => setImmediate(resolve))
      expect(backend.fake.connections).toBe(tries)
      vi.advanceTimersByTime(1)
      await comes(() => {
        // The pause behind a try that failed.
        vi.advanceTimersByTime(1)
        return backend.fake.connections === tries + 1
      })
    }
    expect((await answer).rows).toEqual([{ a: '1' }])
    client.release()
    await pool.end()
  })
})
