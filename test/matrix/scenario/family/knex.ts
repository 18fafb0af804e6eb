import { createRequire } from 'node:module'
import { isReprised, reprise, rerun } from '@reprise/pg'
import knex from 'knex'
import pg from 'pg'
import { changes, type Opened, type Request, think } from '../opened.ts'

/** Knex, on a pool of the application's (`pool`, from 3.3) or by its own (`client`). */
export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const pool =
    door !== 'client' ? new pg.Pool({ connectionString: url, max, ...reprise(options) }) : undefined
  // Older versions know no connectionPool.
  const config: object = pool
    ? { client: 'pg', connectionPool: pool }
    : { client: clientOn(reprise(options)), connection: url, pool: { min: 0, max } }
  const db = knex.default(config)
  const connection = await db.client.acquireConnection()
  const reprised = isReprised(connection)
  await db.client.releaseConnection(connection)
  return {
    reprised,
    async transfer(order) {
      const work = async (trx: knex.Knex.Transaction): Promise<void> => {
        await trx('account').where({ id: order.source }).first('balance')
        await think()
        for (const [id, by] of changes(order)) {
          await trx('account').where({ id }).increment({ balance: by, version: 1 })
        }
        await trx('transfer').insert(order)
      }
      await (door === 'rerun' ? rerun(db, work) : db.transaction(work))
    },
    async insert(order) {
      await db('transfer').insert(order)
    },
    async close() {
      await db.destroy()
      await pool?.end()
    },
  }
}

/** Knex's client of PostgreSQL on another driver than pg itself. */
function clientOn(driver: object): object {
  const require = createRequire(import.meta.url)
  const ClientPg: new () => object = require('knex/lib/dialects/postgres/index.js')
  return class extends ClientPg {
    _driver(): object {
      return driver
    }
  }
}
