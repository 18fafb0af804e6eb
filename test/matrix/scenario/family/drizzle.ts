import { isReprised, reprise, rerun } from '@reprise/pg'
import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { bigint, integer, pgTable, uuid } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { changes, type Opened, type Request, think } from '../opened.ts'

const account = pgTable('account', {
  id: integer().primaryKey(),
  balance: bigint({ mode: 'number' }),
  version: integer(),
})

const transfer = pgTable('transfer', {
  token: uuid(),
  source: integer(),
  target: integer(),
  amount: integer(),
})

/** Drizzle, on a pool of the application's (`client`) or on one that it makes (`connection`). */
export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const config = { connectionString: url, max, ...reprise(options) }
  const db =
    door === 'connection'
      ? drizzle({ connection: config })
      : drizzle({ client: new pg.Pool(config) })
  return {
    reprised: isReprised(db.$client),
    async transfer(order) {
      const work = async (
        tx: Parameters<Parameters<typeof db.transaction>[0]>[0],
      ): Promise<void> => {
        await tx.select().from(account).where(eq(account.id, order.source))
        await think()
        for (const [id, by] of changes(order)) {
          await tx
            .update(account)
            .set({ balance: sql`balance + ${by}`, version: sql`version + 1` })
            .where(eq(account.id, id))
        }
        await tx.insert(transfer).values(order)
      }
      await (door === 'rerun' ? rerun(db, work) : db.transaction(work))
    },
    async insert(order) {
      await db.insert(transfer).values(order)
    },
    close: () => db.$client.end(),
  }
}
