import { isReprised, reprise } from '@reprise/pg'
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import type { Opened, Request, Transfer } from '../opened.ts'
import { Awaited } from './awaited.ts'

/** pg-boss: what is sent is done once, by a worker that writes it down. */
export async function open({ url, max, options }: Request): Promise<Opened> {
  const config = { connectionString: url, max, ...reprise(options) }
  const pool = new pg.Pool(config)
  const boss = new PgBoss(config)
  const jobs = new Awaited()
  boss.on('error', console.error)
  await boss.start()
  await boss.createQueue('transfer')
  for (let worker = 0; worker < max; worker++) {
    await boss.work<Transfer>('transfer', { pollingIntervalSeconds: 0.5 }, async ([job]) => {
      if (job === undefined) return
      const { token, source, target, amount } = job.data
      await pool.query('INSERT INTO transfer VALUES ($1, $2, $3, $4)', [
        token,
        source,
        target,
        amount,
      ])
      jobs.done(token)
    })
  }
  const insert = async (order: Transfer): Promise<void> => {
    const done = jobs.expect(order.token)
    await boss.send('transfer', { ...order, amount: 0 })
    await done
  }
  return {
    reprised: isReprised(pool),
    transfer: insert,
    insert,
    async close() {
      await boss.stop({ graceful: true })
      await pool.end()
    },
  }
}
