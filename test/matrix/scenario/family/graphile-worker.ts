import { isReprised, reprise } from '@reprise/pg'
import { Logger, run } from 'graphile-worker'
import pg from 'pg'
import type { Opened, Request, Transfer } from '../opened.ts'
import { Awaited } from './awaited.ts'

/** graphile-worker: what is added is done once, by a worker that writes it down. */
export async function open({ url, max, options }: Request): Promise<Opened> {
  const pool = new pg.Pool({ connectionString: url, max: max + 2, ...reprise(options) })
  pool.on('error', console.error)
  // It asks for a listener of each, and would warn.
  pool.on('connect', () => undefined)
  const jobs = new Awaited()
  const runner = await run({
    pgPool: pool,
    concurrency: max,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => {
      if (level === 'error' || level === 'warning') console.error(message)
    }),
    taskList: {
      async transfer(payload, { query }) {
        const { token, source, target, amount } = payload as Transfer
        await query('INSERT INTO transfer VALUES ($1, $2, $3, $4)', [token, source, target, amount])
        jobs.done(token)
      },
    },
  })
  const insert = async (order: Transfer): Promise<void> => {
    const done = jobs.expect(order.token)
    await runner.addJob('transfer', { ...order, amount: 0 })
    await done
  }
  return {
    reprised: isReprised(pool),
    transfer: insert,
    insert,
    async close() {
      await runner.stop()
      await pool.end()
    },
  }
}
