import { reprise as throughDoor } from '@reprise/kysely'
import { type ColumnType, CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely'
import { Pool } from 'pg'
import { declared, door } from './door.ts'
import type { Account, Operations, Row, Subject, Transfer } from './subject.ts'
import { withTransfer } from './transfer.ts'

interface Database {
  /** node-postgres hands out a bigint as a string. */
  account: Omit<Account, 'balance'> & { balance: ColumnType<string, number, number> }
  transfer: Transfer
}

/** Kysely on its PostgresDialect. */
export const kysely: Subject = {
  name: 'kysely',
  async open({ url, reprise, max = 10, through = 'line', rerunnable }) {
    const config = { connectionString: url, max }
    const db =
      reprise === false || through === 'line'
        ? new Kysely<Database>({
            dialect: new PostgresDialect({ pool: new Pool({ ...config, ...door(reprise) }) }),
          })
        : new Kysely<Database>(throughDoor({ pool: new Pool(config) }, reprise))
    return withTransfer({
      ...operations(db),
      transaction: (work) =>
        db.transaction().execute(declared(rerunnable, (trx) => work(operations(trx)))),
      close: () => db.destroy(),
    })
  },
}

function operations(db: Kysely<Database>): Operations {
  return {
    async read(id) {
      const row = await db
        .selectFrom('account')
        .select(['id', 'balance', 'version'])
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return { ...row, balance: Number(row.balance) }
    },
    async add(id, by) {
      await db
        .updateTable('account')
        .set((account) => ({
          balance: sql<number>`balance + ${by}`,
          version: account('version', '+', 1),
        }))
        .where('id', '=', id)
        .execute()
    },
    async insert({ token, source, target, amount }) {
      await db.insertInto('transfer').values({ token, source, target, amount }).execute()
    },
    raw: async (sql) => (await db.executeQuery<Row>(CompiledQuery.raw(sql))).rows,
  }
}
