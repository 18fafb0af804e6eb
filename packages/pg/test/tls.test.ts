import { text } from 'node:stream/consumers'
import type pg from 'pg'
import copy from 'pg-copy-streams'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { kill, poolOn } from './support.ts'

let server: Server
let pool: pg.Pool
beforeAll(async () => {
  server = await Server.start({ tls: true })
  await server.sql('CREATE TABLE t (n int)')
  pool = poolOn(server.url, {}, { max: 4, ssl: { rejectUnauthorized: false } })
})
afterAll(async () => {
  await pool?.end()
  await server?.dispose()
})

describe('over TLS', () => {
  it('what comes on many connections at once is not mixed up', async () => {
    const sizes = [1, 4000, 65_536, 300_000, 1_500_000]
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const letter = String.fromCharCode(97 + i)
        const size = sizes[i % sizes.length] as number
        const { rows } = await pool.query(
          `SELECT repeat($1, $2) AS it, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
          [letter, size],
        )
        return rows[0].ssl && rows[0].it === letter.repeat(size)
      }),
    )
    expect(answers).toEqual(answers.map(() => true))
  })
  it('COPY hands on what the table has', async () => {
    const client = await pool.connect()
    const rows = "SELECT repeat('a', 999) FROM generate_series(1, 900)"
    const all = await text(client.query(copy.to(`COPY (${rows}) TO STDOUT`)))
    client.release()
    expect(all === `${'a'.repeat(999)}\n`.repeat(900)).toBe(true)
  })
  it('a transaction outlives its backend', async () => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    await kill(server, client)
    await client.query('INSERT INTO t VALUES (2)')
    await client.query('COMMIT')
    client.release()
    expect((await pool.query('SELECT n FROM t ORDER BY n')).rows).toEqual([{ n: 1 }, { n: 2 }])
  })
})
