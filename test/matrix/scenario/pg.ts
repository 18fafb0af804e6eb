import { isReprised, reprise, reprisePool } from '@reprise/pg'
import pg from 'pg'
import { changes, type Opened, type Request, think } from './opened.ts'

/** node-postgres: by the line, or (`door`) a pool that exists already. */
export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const config = { connectionString: url, max }
  const pool =
    door === 'line'
      ? new pg.Pool({ ...config, ...reprise(options) })
      : reprisePool(new pg.Pool(config), options)
  return {
    reprised: isReprised(pool),
    async transfer(order) {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        await client.query('SELECT balance FROM account WHERE id = $1', [order.source])
        await think()
        for (const [id, by] of changes(order)) {
          await client.query(
            'UPDATE account SET balance = balance + $1, version = version + 1 WHERE id = $2',
            [by, id],
          )
        }
        await client.query('INSERT INTO transfer VALUES ($1, $2, $3, $4)', row(order))
        await client.query('COMMIT')
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    },
    async insert(order) {
      await pool.query('INSERT INTO transfer VALUES ($1, $2, $3, $4)', row(order))
    },
    close: () => pool.end(),
  }
}

function row({ token, source, target, amount }: Parameters<Opened['insert']>[0]): unknown[] {
  return [token, source, target, amount]
}
