import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from, to } from 'pg-copy-streams'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Proxy, type Side } from '../../../test/kit/index.ts'
import { reprise } from '../src/index.ts'
import { createDatabase, sessionOn } from './compare.ts'
import { silentAt, type Work } from './silent-at.ts'

let url: string
let proxy: Proxy

beforeAll(async () => {
  url = await createDatabase()
  proxy = await Proxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  const client = sessionOn(url)
  await client.connect()
  await client.query(`CREATE TABLE line (x text);
 CREATE TABLE slow (x text);
 CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN PERFORM pg_sleep(2); RETURN new; END $$;
 CREATE TRIGGER slow BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION slow()`)
  await client.end()
})
afterAll(() => proxy.close())

/** Ways to copy in which there is nothing to wait for but the server. */
const prompt: Readonly<Record<string, Work>> = {
  'COPY FROM': (client) =>
    pipeline(Readable.from(['a\n', 'b\n']), client.query(from('COPY line FROM STDIN'))),
  'COPY FROM that is given up': async (client) => {
    const stream = client.query(from('COPY line FROM STDIN'))
    stream.write('a\n')
    stream.destroy(new Error('given up'))
    await once(stream, 'close')
  },
  'COPY TO': (client) => buffer(client.query(to('COPY (SELECT 1) TO STDOUT'))),
  'COPY in a transaction': async (client) => {
    await client.query('BEGIN')
    await pipeline(Readable.from(['a\n']), client.query(from('COPY line FROM STDIN')))
    await buffer(client.query(to('COPY line TO STDOUT')))
    await client.query('COMMIT')
  },
}

describe.each(Object.entries(prompt))('%s', (name, work) => {
  it.each<Side>(['client', 'server'])(
    'never hangs where the network falls silent, whichever frame of the %s is the first to be lost',
    async (side) => {
      const { frames } = await silentAt(proxy, url, side, -1, work)
      expect(frames).toBeGreaterThan(0)
      for (let n = 0; n < frames; n++) {
        const { error, next } = await silentAt(proxy, url, side, n, work)
        // What had come already may have been all that was wanted.
        if (error !== undefined && !name.includes('given up')) {
          expect(error).toMatchObject({
            outcome: expect.any(String),
            condition: 'connection_failure',
          })
        }
        expect(next).toBe(2)
      }
    },
  )
})

const big = "SELECT repeat('x', 1000) FROM generate_series(1, 10000)"

/** Ways to copy in which the other side takes its time: each waits for longer than a silence may last. */
const slow: Readonly<Record<string, Work>> = {
  'a COPY FROM whose caller has not begun': async (client, pool) => {
    const stream = client.query(from('COPY line FROM STDIN'))
    await pool.query('SELECT pg_sleep(2)')
    await pipeline(Readable.from(['a\n']), stream)
    expect(stream.rowCount).toBe(1)
  },
  'a COPY FROM whose caller has more to come': async (client, pool) => {
    const stream = client.query(from('COPY line FROM STDIN'))
    stream.write('a\n')
    await pool.query('SELECT pg_sleep(2)')
    await pipeline(Readable.from(['b\n']), stream)
    expect(stream.rowCount).toBe(2)
  },
  'a COPY FROM into a slow table': async (client) => {
    const stream = client.query(from('COPY slow FROM STDIN'))
    await pipeline(Readable.from(['a\n']), stream)
    expect(stream.rowCount).toBe(1)
  },
  'a COPY TO whose caller has not begun': async (client, pool) => {
    const stream = client.query(to(`COPY (${big}) TO STDOUT`))
    await pool.query('SELECT pg_sleep(2)')
    expect(await buffer(stream)).toHaveLength(10_010_000)
  },
  'a COPY TO whose caller pauses': async (client, pool) => {
    const stream = client.query(to(`COPY (${big}) TO STDOUT`))
    let bytes = 0
    let paused = false
    for await (const chunk of stream) {
      if (!paused) await pool.query('SELECT pg_sleep(2)')
      paused = true
      bytes += (chunk as Buffer).length
    }
    expect(bytes).toBe(10_010_000)
  },
  'a COPY TO of a slow query': async (client) => {
    const stream = client.query(to("COPY (SELECT 'a' || pg_sleep(2)) TO STDOUT"))
    expect(String(await buffer(stream))).toBe('a\n')
  },
}

describe('is not taken for half-open:', () => {
  it.each(Object.entries(slow))('%s', async (_, work) => {
    const pool = new pg.Pool({
      connectionString: proxy.url(url),
      max: 2,
      ...reprise({ probeAfter: 30 }),
    })
    const client = await pool.connect()
    await work(client, pool)
    client.release()
    await pool.end()
  })
})
