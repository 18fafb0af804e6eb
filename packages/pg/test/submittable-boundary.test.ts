import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copy from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { type Action, Proxy } from '../../../test/kit/index.ts'
import { createDatabase, sessionOn } from './compare.ts'
import { listen } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

let proxy: Proxy
let url: string
beforeAll(async () => {
  const { hostname, port } = new URL(inject('serverUrl'))
  proxy = await Proxy.start({ host: hostname, port: Number(port) })
  const direct = await createDatabase()
  url = proxy.url(direct)
  const admin = new pg.Client({ connectionString: direct })
  await admin.connect()
  await admin.query('CREATE TABLE t (a int)')
  await admin.end()
})
afterAll(() => proxy.close())

const text = 'SELECT g FROM generate_series(1, 3) g'

/** Resolves once everything that waits has been told something. */
type Use = (client: pg.Client) => Promise<unknown>

const uses: [string, Use][] = [
  ['a cursor that is read to its end', (client) => client.query(new Cursor(text)).read(100)],
  [
    'a cursor that is read row by row and closed',
    async (client) => {
      const cursor = client.query(new Cursor(text))
      try {
        await cursor.read(1)
        await cursor.read(1)
      } finally {
        await cursor.close()
      }
    },
  ],
  [
    'a query stream',
    async (client) => {
      for await (const _ of client.query(new QueryStream(text)));
    },
  ],
  [
    'a query stream that is left early',
    async (client) => {
      for await (const _ of client.query(new QueryStream(text, [], { batchSize: 1 }))) break
    },
  ],
  [
    'COPY FROM',
    (client) =>
      pipeline(Readable.from(['1\n', '2\n']), client.query(copy.from('COPY t FROM STDIN'))),
  ],
  [
    'COPY TO',
    (client) =>
      pipeline(
        client.query(copy.to(`COPY (${text}) TO STDOUT`)),
        new Writable({ write: (_chunk, _encoding, done) => done() }),
      ),
  ],
  [
    'a query of one’s own',
    (client) =>
      new Promise((resolve, reject) => {
        const told = (error: Error | null, result: unknown): void =>
          error ? reject(error) : resolve(result)
        client.query(new pg.Query(text, told as never))
      }),
  ],
]

const faults: Action[] = ['cut', 'reset', 'pass-then-cut', 'pass-then-reset']

describe.each(uses)('%s', (_name, use) => {
  it.each(faults)('settles at every frame (%s), and what is lost is told', async (fault) => {
    // The first round loses nothing: it counts the frames.
    for (let at = -1, total = 0; at < total; at++) {
      const client = sessionOn(url)
      client.on('error', () => undefined)
      await client.connect()
      await client.query('SELECT 1')
      let frames = 0
      let over = false
      const stop = proxy.onFrame(() => (!over && frames++ === at ? fault : 'pass'))
      using surfaced = listen('reprise:surface')
      const error = await use(client).then(
        () => undefined,
        (failure) => failure,
      )
      over = true
      if (at < 0) total = frames
      if (at < 0) expect(error).toBeUndefined()
      expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
      stop()
      if (error?.outcome !== undefined) {
        expect(surfaced.seen).toMatchObject([{ outcome: error.outcome, code: error.code }])
      }
      await client.end()
    }
  })
})

describe('what pg itself refuses', () => {
  const circular: Record<string, unknown> = {}
  circular.self = circular
  it.each([
    ['a name used twice', { name: 'a', text: 'SELECT 2' }, /must be unique/],
    ['no text', { text: 3 }, /text or a name/],
    ['values that are no array', { text: 'SELECT 1', values: 'x' }, /must be an array/],
    ['values that cannot be sent', { text: 'SELECT $1::json', values: [circular] }, /circular/],
  ])('(%s) is its own error at once, and the session goes on', async (_name, config, message) => {
    const client = sessionOn(url)
    await client.connect()
    await client.query({ name: 'a', text: 'SELECT 1' })
    await client.query('BEGIN')
    const error = await new Promise<Error>((resolve) => {
      client.query(new pg.Query(config as never, resolve as never))
    })
    expect(error.message).toMatch(message)
    expect(error).not.toHaveProperty('outcome')
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect((await client.query('SELECT 3 AS a')).rows).toEqual([{ a: 3 }])
    await client.end()
  })
  it('(a Submittable whose submit() throws) is its own error, and the session goes on', async () => {
    const client = sessionOn(url)
    await client.connect()
    const error = await new Promise((resolve) => {
      const submit = (): never => {
        throw new Error('not today')
      }
      client.query({ text: 'SELECT 1', submit, handleError: resolve } as never)
    })
    expect(error).toMatchObject({ message: 'not today' })
    expect((await client.query('SELECT 3 AS a')).rows).toEqual([{ a: 3 }])
    await client.end()
  })
})

describe('a connect() that fails', () => {
  it('tells its callback before it ends, with the code that pg gives', async () => {
    const heard: unknown[] = []
    const client = sessionOn(
      { connectionString: 'postgres://postgres@127.0.0.1:1/postgres' },
      { deadline: 50 },
    )
    const ended = new Promise((resolve) => void client.on('end', () => resolve(undefined)))
    client.on('end', () => heard.push('end'))
    client.connect((error: Error) => heard.push((error as Error & { code?: string }).code))
    await ended
    expect(heard).toEqual(['ECONNREFUSED', 'end'])
  })
})
