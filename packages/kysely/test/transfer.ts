import { type Kysely, sql } from 'kysely'

/** A transfer of the ledger. */
export interface Order {
  readonly token: string
  readonly source: number
  readonly target: number
  readonly amount: number
}

interface Books {
  account: { id: number; balance: number; version: number }
  transfer: Order
}

/** Makes a transfer, by what of Kysely is given: a transaction, or autocommit where nothing moves. */
export async function transferred(any: Kysely<never>, order: Order, reads = false): Promise<void> {
  const db = any as unknown as Kysely<Books>
  const { source, target, amount } = order
  if (source !== target) {
    const changes = [
      { id: source, by: -amount },
      { id: target, by: amount },
    ].sort((left, right) => left.id - right.id)
    for (const { id, by } of changes) {
      if (reads) await db.selectFrom('account').selectAll().where('id', '=', id).execute()
      const balance = sql<number>`balance + ${by}`
      await db.updateTable('account').set({ balance }).where('id', '=', id).execute()
    }
  }
  await db.insertInto('transfer').values(order).execute()
}
