import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Proxy } from '../../../test/kit/index.ts'
import { reprise } from '../src/index.ts'
import { createDatabase } from './compare.ts'
import { silentAt, type Work } from './silent-at.ts'

let url: string
let proxy: Proxy

beforeAll(async () => {
  url = await createDatabase()
  proxy = await Proxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
})
afterAll(() => proxy.close())

const rows = 'SELECT i FROM generate_series(1, 4) i'

/** Ways to read four rows through a portal, two by two. */
const ways: Readonly<Record<string, Work>> = {
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

describe.each(Object.entries(ways))('%s', (_, work) => {
  it('never hangs where the network falls silent, whichever answer is the first to be lost', async () => {
    const { frames } = await silentAt(proxy, url, 'server', -1, work)
    expect(frames).toBeGreaterThan(4)
    for (let n = 0; n < frames; n++) {
      const { error, next } = await silentAt(proxy, url, 'server', n, work)
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
