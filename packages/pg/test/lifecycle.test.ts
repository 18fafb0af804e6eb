import type pg from 'pg'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { FakeServer, until } from '../../../test/kit/index.ts'
import { type Body, caught, createDatabase, kill, sameAsPlain, sessionOn } from './compare.ts'
import { failure, pidOf } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

const called = (start: (done: (...all: unknown[]) => void) => unknown): Promise<unknown[]> =>
  new Promise((resolve) => start((...all) => resolve(all)))

const same: [string, Body][] = [
  [
    'statements before connect() wait for it, in order',
    async (client, note) => {
      const early = [1, 2, 3].map(async (n) =>
        note((await client.query('SELECT $1::int AS a', [n])).rows),
      )
      await client.connect()
      await Promise.all(early)
    },
  ],
  [
    'connect() answers with the client',
    async (client, note) => note(((await client.connect()) as unknown) === client),
  ],
  [
    'connect(callback) calls it once, without an error',
    async (client, note) => {
      const [error, same] = await called((done) => client.connect(done as never))
      note(error, same === client)
    },
  ],
  [
    'connect() twice is refused',
    async (client, note) => {
      await client.connect()
      note(await caught(client.connect()))
      note(((await called((done) => client.connect(done as never)))[0] as Error).message)
      return client.query('SELECT 1')
    },
  ],
  [
    'end() twice is no harm',
    async (client, note) => {
      client.on('end', () => note('end'))
      await client.connect()
      await Promise.all([client.end(), client.end()])
      await client.end()
      note('ended')
    },
  ],
  [
    'end(callback) calls back',
    async (client, note) => {
      await client.connect()
      await called((done) => client.end(done as never))
      note('ended')
    },
  ],
  [
    'an end is told to callbacks, by the event, and to promises, in this order',
    async (client, note) => {
      client.on('end', () => note('event'))
      await client.connect()
      const called = new Promise<void>((resolve) => {
        client.end(() => {
          note('callback')
          resolve()
        })
      })
      await Promise.all([client.end().then(() => note('promise')), called])
    },
  ],
  [
    'end() before connect() is no harm',
    async (client, note) => {
      await client.end()
      note('ended')
    },
  ],
  [
    'end(callback) before connect() calls back',
    async (client, note) => {
      await called((done) => client.end(done as never))
      note('ended')
    },
  ],
  [
    'a statement after end() is refused',
    async (client, note) => {
      await client.connect()
      await client.end()
      note(await caught(client.query('SELECT 1')))
      note((await called((done) => client.query('SELECT 1', done as never)))[0])
    },
  ],
  [
    'events come once and in order',
    async (client, note) => {
      for (const event of ['connect', 'end', 'drain'])
        client.on(event as 'drain', () => note(event))
      await client.connect()
      note(await client.query('SELECT 1 AS a'))
      await client.end()
    },
  ],
  [
    'the transaction status is that of the server',
    async (client, note) => {
      note(client.getTransactionStatus())
      await client.connect()
      note(client.getTransactionStatus())
      await client.query('BEGIN')
      note(client.getTransactionStatus())
      await client.query('ROLLBACK')
      note(client.getTransactionStatus())
    },
  ],
]
sameAsPlain(() => url, same)

it("a failed transaction shows at once, where a plain client still waits for the server's word", async () => {
  const client = sessionOn(url)
  await client.connect()
  await client.query('BEGIN')
  await failure(client.query('SELECT 1/0'))
  expect(client.getTransactionStatus()).toBe('E')
  await client.end()
})

describe('a connect() that fails', () => {
  const config = (): pg.ClientConfig => ({ connectionString: url.replace(/[^/]*$/, 'missing') })
  it('settles what waits for it, and refuses what comes later', async () => {
    const client = sessionOn(config())
    let ends = 0
    client.on('end', () => ends++)
    const waiting = failure(client.query('SELECT 1'))
    const error = await failure(client.connect())
    expect(error).toMatchObject({ code: '3D000', name: 'error' })
    expect(await waiting).toMatchObject({ code: '3D000' })
    expect((await failure(client.query('SELECT 1'))).message).toMatch(/not queryable/)
    await client.end()
    expect(ends).toBe(1)
  })
  it('may be ended before it fails, and after', async () => {
    const client = sessionOn(config())
    const connecting = client.connect().catch((error) => error)
    await Promise.all([client.end(), client.end(), connecting])
    await client.end()
  })
})

describe('end()', () => {
  it('with a statement in flight and others behind it settles all of them', async () => {
    const client = sessionOn(url)
    await client.connect()
    const answers = [
      client.query('SELECT pg_sleep(60)'),
      client.query('SELECT 1'),
      client.query('SELECT 2'),
    ].map(failure)
    await client.end()
    const errors = await Promise.all(answers)
    expect(errors.map(({ reason }) => reason)).toEqual(['closed', 'closed', 'closed'])
    expect(errors.slice(1).map(({ outcome }) => outcome)).toEqual(['not-sent', 'not-sent'])
  })
  it('in the midst of connect() ends both', async () => {
    await using silent = await FakeServer.start((peer) => peer.hang())
    const client = sessionOn(silent.url)
    const connecting = failure(client.connect())
    await until(() => silent.connections === 1)
    await client.end()
    expect(await connecting).toMatchObject({ reason: 'closed' })
  })
  it('in the midst of a recovery ends both', async () => {
    await using silent = await FakeServer.start(async (peer) => {
      if (peer.number > 1) return peer.hang()
      await peer.startup()
      await peer.read()
    })
    const client = sessionOn(silent.url)
    await client.connect()
    const answer = failure(client.query('SELECT 1'))
    await until(() => silent.connections === 2)
    await client.end()
    expect(await answer).toMatchObject({ reason: 'closed' })
  })
})

describe('a mended loss', () => {
  it('emits nothing, and leaves parsers, process id and secret as they must be', async () => {
    const client = sessionOn({ connectionString: url, application_name: 'kept' })
    const heard: unknown[] = []
    for (const event of ['error', 'end', 'connect'])
      client.on(event as 'error', () => heard.push(event))
    await client.connect()
    client.setTypeParser(23, (value) => `int ${value}`)
    const { processID, secretKey } = client as unknown as Record<string, number>
    for (let i = 0; i < 3; i++) {
      await kill(client)
      const { rows } = await client.query(
        "SELECT 1 AS a, pg_backend_pid()::text AS pid, current_setting('application_name') AS name",
      )
      expect(rows[0]).toEqual({
        a: 'int 1',
        pid: String(pidOf(client)),
        name: 'kept',
      })
    }
    const now = client as unknown as Record<string, number>
    expect(now.processID).not.toBe(processID)
    expect(now.secretKey).not.toBe(secretKey)
    expect(heard).toEqual(['connect'])
    await client.end()
    expect(heard).toEqual(['connect', 'end'])
  })
  it('keeps notices and notifications coming', async () => {
    const client = sessionOn(url)
    await client.connect()
    const heard: unknown[] = []
    client.on('notice', ({ message }) => heard.push(message))
    client.on('notification', ({ payload }) => heard.push(payload))
    await client.query('LISTEN c')
    await kill(client)
    await client.query("DO $$ BEGIN RAISE NOTICE 'a'; END $$")
    await client.query("NOTIFY c, 'b'")
    await until(() => heard.length >= 2)
    expect(heard).toEqual(['a', 'b'])
    await client.end()
  })
})
