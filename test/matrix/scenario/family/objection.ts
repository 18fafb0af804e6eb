import { isReprised, reprise, rerun } from '@reprise/pg'
import knex from 'knex'
import { Model, type Transaction } from 'objection'
import pg from 'pg'
import { changes, type Opened, type Request, think } from '../opened.ts'

class Account extends Model {
  static override readonly tableName = 'account'
}

class Transfer extends Model {
  static override readonly tableName = 'transfer'
  static override readonly idColumn = 'token'
}

/** Objection, on Knex. */
export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const pool = new pg.Pool({ connectionString: url, max, ...reprise(options) })
  const db = knex.default({ client: 'pg', connectionPool: pool })
  Model.knex(db)
  return {
    reprised: isReprised(pool),
    async transfer(order) {
      const work = async (trx: Transaction): Promise<void> => {
        await Account.query(trx).findById(order.source)
        await think()
        for (const [id, by] of changes(order)) {
          await Account.query(trx).findById(id).increment('balance', by)
          await Account.query(trx).findById(id).increment('version', 1)
        }
        await Transfer.query(trx).insert(order as object)
      }
      await (door === 'rerun' ? rerun(Model, work) : Model.transaction(work))
    },
    async insert(order) {
      await Transfer.query().insert(order as object)
    },
    async close() {
      await db.destroy()
      await pool.end()
    },
  }
}
