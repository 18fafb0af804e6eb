import { isReprised, ReprisePlugin, reprise, rerunnable } from '@reprise/kysely'
import { reprise as atPool } from '@reprise/pg'
import { type ColumnType, Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { changes, type Opened, type Request, think } from './opened.ts'

interface Database {
  account: { id: number; balance: ColumnType<string, number, number>; version: number }
  transfer: { token: string; source: number; target: number; amount: number }
}

export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const config = { connectionString: url, max }
  const pool = new pg.Pool(door === 'line' ? { ...config, ...atPool(options) } : config)
  const db =
    door === 'door'
      ? new Kysely<Database>(reprise({ pool }, options))
      : new Kysely<Database>({
          dialect: new PostgresDialect({ pool }),
          plugins: door === 'plugin' ? [new ReprisePlugin({ pool }, options)] : [],
        })
  return {
    reprised: isReprised(door === 'line' ? pool : db),
    async transfer(order) {
      await db.transaction().execute(
        rerunnable(async (trx) => {
          await trx
            .selectFrom('account')
            .select('balance')
            .where('id', '=', order.source)
            .executeTakeFirstOrThrow()
          await think()
          for (const [id, by] of changes(order)) {
            await trx
              .updateTable('account')
              .set({ balance: sql<number>`balance + ${by}`, version: sql<number>`version + 1` })
              .where('id', '=', id)
              .execute()
          }
          await trx.insertInto('transfer').values(order).execute()
        }),
      )
    },
    async insert(order) {
      await db.insertInto('transfer').values(order).execute()
    },
    close: () => db.destroy(),
  }
}
