import { describe, expect, it } from 'vitest'
import { hasPgpool, Pgpool, readyForQuery, Server } from '../../../test/kit/index.ts'
import { Backend, type Fault } from './backend.ts'
import { failure, listen, poolOn } from './support.ts'

/** The answer, in a transaction that nobody has begun. */
const leftOpen: Fault = async (peer, polite) => {
  await peer.send(...polite.filter((frame) => frame[0] !== 90), readyForQuery('T'))
  await peer.hang()
}

describe('a pooler that opens a transaction around a statement and does not end it', () => {
  it.each([
    ['INSERT INTO t VALUES (1)', 'in-doubt'],
    ['SELECT 1', 'in-doubt'],
    ['SET x = 1', 'rolled-back'],
  ])('has nothing acknowledged: %s', async (text, outcome) => {
    await using backend = await Backend.start([{ [text]: leftOpen }])
    using surfaced = listen('reprise:surface')
    const pool = poolOn(backend.url)
    const error = await failure(pool.query(text))
    expect(error).toMatchObject({
      outcome,
      reason: 'left-open',
      advice: expect.stringContaining('pgpool-II'),
    })
    expect(surfaced.seen).toHaveLength(1)
    // Nothing goes on in that transaction.
    await pool.query('SELECT 2')
    expect(backend.lives.map((life) => life.includes('SELECT 2'))).toEqual([false, true])
    await pool.end()
  })
  it('is told from an application that begins one', async () => {
    await using backend = await Backend.start([])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    for (const text of ['BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT']) await client.query(text)
    client.release()
    await pool.end()
  })
  it('is pgpool-II in raw mode', async ({ skip }) => {
    if (!hasPgpool()) skip("pgpool-II (Debian's package pgpool2) is not on this machine")
    await using server = await Server.start()
    const url = await server.createDatabase()
    await using pgpool = await Pgpool.start(server, { backend_clustering_mode: "'raw'" })
    const pool = poolOn(pgpool.url(url))
    await pool.query('CREATE TABLE t (a int)')
    expect(await failure(pool.query('INSERT INTO t VALUES ($1)', [1]))).toMatchObject({
      reason: 'left-open',
    })
    await pool.end()
  }, 60_000)
})
