import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, type Frame, Proxy } from '../../../test/kit/index.ts'
import { reprise } from '../src/index.ts'
import { createDatabase } from './compare.ts'

let url: string
let proxy: Proxy

beforeAll(async () => {
  url = await createDatabase()
  proxy = await Proxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
})
afterAll(() => proxy.close())

const rows = 'SELECT i FROM generate_series(1, 4) i'

/** Ways to read four rows through a portal, two by two. */
const ways: Readonly<Record<string, (client: pg.PoolClient) => Promise<unknown>>> = {
  'a cursor': async (client) => {
    const cursor = client.query(new Cursor(rows))
    while ((await cursor.read(2)).length > 0);
    await cursor.close()
  },
  'a cursor that is closed early': async (client) => {
    const cursor = client.query(new Cursor(rows))
    await cursor.read(2)
    await cursor.close()
  },
  'a query stream': async (client) => {
    for await (const _ of client.query(new QueryStream(rows, [], { batchSize: 2 })));
  },
}

/** Does some work on a client of its own; the network falls silent at the nth frame of the server's. */
async function silentAt(
  n: number,
  work: (client: pg.PoolClient) => Promise<unknown>,
): Promise<{ readonly frames: number; readonly error: unknown; readonly next: unknown }> {
  const pool = new pg.Pool({
    connectionString: proxy.url(url),
    max: 1,
    ...reprise({ probeAfter: 30 }),
  })
  const client = await pool.connect()
  await client.query('SELECT 1')
  let frames = 0
  const forget = proxy.onFrame(({ from }: Frame): Action => {
    return from === 'server' && frames++ === n ? 'freeze' : 'pass'
  })
  const error = await work(client).then(
    () => undefined,
    (failure: unknown) => failure,
  )
  forget()
  client.release()
  const { rows } = await pool.query('SELECT 2 AS n')
  await pool.end()
  return { frames, error, next: rows[0]?.n }
}

describe.each(Object.entries(ways))('%s', (_, work) => {
  it('never hangs where the network falls silent, whichever answer is the first to be lost', async () => {
    const { frames } = await silentAt(-1, work)
    expect(frames).toBeGreaterThan(4)
    for (let n = 0; n < frames; n++) {
      const { error, next } = await silentAt(n, work)
      // What had come already may have been all that was wanted.
      if (error !== undefined) {
        expect(error).toMatchObject({
          outcome: expect.any(String),
          condition: 'connection_failure',
        })
      }
      expect(next).toBe(2)
    }
  })
})

it('a cursor whose caller takes his time between two reads is not taken for half-open', async () => {
  const pool = new pg.Pool({
    connectionString: proxy.url(url),
    max: 2,
    ...reprise({ probeAfter: 30 }),
  })
  let looks = 0
  const forget = proxy.onFrame(({ text }) => {
    if (text.includes('pg_stat_activity')) looks += 1
  })
  const client = await pool.connect()
  const cursor = client.query(new Cursor(rows))
  expect(await cursor.read(2)).toHaveLength(2)
  // It is silent for longer than that, and is looked at more than once.
  await pool.query('SELECT pg_sleep(2)')
  expect(looks).toBeGreaterThan(1)
  expect(await cursor.read(2)).toHaveLength(2)
  await cursor.close()
  client.release()
  await pool.end()
  forget()
})

it.each(['a statement', 'a cursor'])(
  '%s whose answer never comes does not hang, however short the deadline is',
  async (what) => {
    // Shorter than a backend is looked at to see whether it keeps still.
    const options = { deadline: 300, probeAfter: 300 }
    const pool = new pg.Pool({ connectionString: proxy.url(url), max: 1, ...reprise(options) })
    const client = await pool.connect()
    await client.query('BEGIN')
    for (const connection of proxy.connections) connection.freeze()
    const work = what === 'a cursor' ? client.query(new Cursor(rows)).read(2) : client.query(rows)
    await Promise.allSettled([work])
    client.release(true)
    await pool.end()
  },
)
