import { rerun } from '@reprise/pg'
import type pg from 'pg'
import type { Server } from '../../../test/kit/index.ts'
import { failure, kill, poolOn, proxied, withThrowaway } from '../../pg/test/support.ts'

/** Lets everything happen once on a real server that there is a metric for. */
export async function everythingOnce(server: Server): Promise<void> {
  await mended(server)
  await diverged(server)
  await surfacedOnce(server)
  await doubted(server)
  await runAgain(server)
}

function mended(server: Server): Promise<void> {
  const lose = async (client: pg.PoolClient): Promise<void> => {
    await client.query('BEGIN')
    await client.query('SELECT 1')
    await kill(server, client)
    await client.query('COMMIT')
  }
  return withThrowaway(server.url, lose, { poolName: 'orders' })
}

function diverged(server: Server): Promise<void> {
  return withThrowaway(server.url, async (client) => {
    await client.query('BEGIN')
    await client.query('SELECT random()')
    await kill(server, client)
    await failure(client.query('SELECT 1'))
    await client.query('ROLLBACK')
  })
}

/** A loss that its caller is told of. */
export function surfacedOnce(server: Server): Promise<void> {
  return withThrowaway(
    server.url,
    async (client) => {
      await client.query('BEGIN')
      await kill(server, client)
      await failure(client.query('SELECT 1'))
      await client.query('ROLLBACK')
    },
    { replay: 'off' },
  )
}

async function doubted(server: Server): Promise<void> {
  await using link = await proxied(server)
  await withThrowaway(link.url, async (client) => {
    await client.query('CREATE TABLE t (a int)')
    let once = true
    link.proxy.onFrame(({ from, text }) => {
      if (!once || from !== 'server' || text !== 'COMMIT') return 'pass'
      once = false
      return 'reset'
    })
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    await client.query('COMMIT')
  })
}

async function runAgain(server: Server): Promise<void> {
  const pool = poolOn(server.url)
  const transaction = async (run: (client: pg.PoolClient) => Promise<void>): Promise<void> => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await run(client)
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }
  let runs = 0
  await rerun(transaction, async (client) => {
    runs += 1
    await client.query('SELECT random()')
    if (runs === 1) await kill(server, client)
    await client.query('SELECT 1')
  })
  await pool.end()
}
