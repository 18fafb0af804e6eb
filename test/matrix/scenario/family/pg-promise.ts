import { isReprised, reprise, reprisePool } from '@reprise/pg'
import pgPromise from 'pg-promise'
import { changes, type Opened, type Request, think } from '../opened.ts'

/** pg-promise, on its own copy of pg (`pool`) or on the application's (`line`). */
export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const pgp = pgPromise()
  const config = { connectionString: url, max }
  const db = pgp(door === 'line' ? { ...config, ...reprise(options) } : config)
  if (door === 'pool') reprisePool(db.$pool as never, options)
  return {
    reprised: isReprised(db.$pool),
    async transfer(order) {
      await db.tx(async (tx) => {
        await tx.one('SELECT balance FROM account WHERE id = $1', [order.source])
        await think()
        for (const [id, by] of changes(order)) {
          await tx.none(
            'UPDATE account SET balance = balance + $1, version = version + 1 WHERE id = $2',
            [by, id],
          )
        }
        await tx.none(add, order)
      })
    },
    async insert(order) {
      await db.none(add, order)
    },
    close: async () => pgp.end(),
  }
}

const add =
  'INSERT INTO transfer (token, source, target, amount) VALUES ($<token>, $<source>, $<target>, $<amount>)'
