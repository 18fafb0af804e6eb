import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Proxy, Server } from '../../../test/kit/index.ts'
import { pidOf, poolOn, undone } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

let server: Server
let proxy: Proxy
beforeAll(async () => {
  server = await Server.start()
  proxy = await Proxy.start(server)
  await server.sql('CREATE TABLE kept (id int PRIMARY KEY)')
})
afterEach(() => void vi.useRealTimers())
afterAll(async () => {
  await proxy.close()
  await server.dispose()
})

type FakeTimers = Parameters<typeof vi.useFakeTimers>[0]

/** As tests make their timers fake. They stand still, as long as nobody advances them. */
const fakes: [string, FakeTimers][] = [
  ['as Vitest does', undefined],
  ['on a clock of long ago', { now: 0 }],
  ['on a clock of times to come', { now: 4e12 }],
  ['a clock alone', { now: 0, toFake: ['Date', 'performance'] }],
  ['timers alone', { toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }],
  ['setImmediate alone', { toFake: ['setImmediate', 'clearImmediate'] }],
]

/** What happens, and when timers are made fake. The kit's own server needs real ones to start. */
const losses: [string, (client: pg.PoolClient, fake: () => void) => Promise<unknown>][] = [
  [
    'before the loss',
    async (client, fake) => {
      fake()
      await server.terminate(pidOf(client))
    },
  ],
  [
    'when it is lost',
    async (client, fake) => {
      await server.terminate(pidOf(client))
      fake()
    },
  ],
  [
    'while its server is down',
    async (client, fake) => {
      await server.stop('fast')
      const back = client.query('SELECT 1')
      fake()
      // There are tries that miss, and pauses between them.
      await pause(300)
      vi.useRealTimers()
      await server.start()
      fake()
      return back
    },
  ],
  [
    'before its network falls silent',
    async (_client, fake) => {
      fake()
      for (const connection of proxy.connections) connection.freeze()
    },
  ],
]

let ids = 0

describe.each(losses)('timers made fake %s', (_, lose) => {
  it.each(fakes)('(%s) hold up no recovery', async (_, how) => {
    const pool = poolOn(proxy.url(server.url), { probeAfter: 50 })
    const client = await pool.connect()
    const id = ++ids
    await client.query('BEGIN')
    await client.query('INSERT INTO kept VALUES ($1)', [id])
    await lose(client, () => void vi.useFakeTimers(how))
    expect((await client.query('SELECT id FROM kept WHERE id = $1', [id])).rows).toEqual([{ id }])
    await client.query('COMMIT')
    client.release()
    expect((await pool.query('SELECT 2 AS a')).rows).toEqual([{ a: 2 }])
    vi.useRealTimers()
    await pool.end()
  })
})

it('a query_timeout is on the timers of the application, as in pg', async () => {
  const pool = poolOn(server.url, {}, { query_timeout: 5000 })
  const client = await pool.connect()
  await client.query('SELECT 1')
  vi.useFakeTimers()
  const asked = client.query('SELECT pg_sleep(60)').catch((error: unknown) => error)
  // Up to half a minute more, for what the session asks on its own account.
  await vi.advanceTimersByTimeAsync(36_000)
  // It may still have waited for what the session asked.
  expect(await asked).toMatchObject({ outcome: undone })
  vi.useRealTimers()
  client.release()
  await pool.end()
})

it('one that was set on real timers is ended although they are fake by then', async () => {
  const pool = poolOn(server.url, {}, { query_timeout: 300 })
  const client = await pool.connect()
  const asked = client.query('SELECT 1 AS a')
  vi.useFakeTimers()
  expect((await asked).rows).toEqual([{ a: 1 }])
  vi.useRealTimers()
  const patient = { text: 'SELECT pg_sleep(0.6), 2 AS a', query_timeout: 10_000 }
  expect((await client.query(patient)).rows).toMatchObject([{ a: 2 }])
  client.release()
  await pool.end()
})

/** Only a limit of the application's own is on its timers. */
const exempt: ReadonlySet<string> = new Set(['clock.ts', 'time-limit.ts'])

it.each(['core', 'pg'])('nothing in %s looks up a timer when it is wanted', (name) => {
  const folder = join(import.meta.dirname, '..', '..', name, 'src')
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith('.ts') && !exempt.has(entry.name))
    .flatMap(({ parentPath, name: file }) => {
      const text = readFileSync(join(parentPath, file), 'utf8').replace(/^\s*(\*|\/[*/]).*$/gm, '')
      const own =
        /(?<!clock)\.nextTick|(?<![.\w])(set|clear)(Timeout|Interval|Immediate)\b|performance\.now|timers\/promises/
      return own.test(text) ? [file] : []
    })
  expect(found).toEqual([])
})
