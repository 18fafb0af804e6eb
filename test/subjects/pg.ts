import { rerun } from '@reprise/pg'
import { Pool, type PoolClient } from 'pg'
import { door } from './door.ts'
import type { Account, Operations, Row, Subject } from './subject.ts'
import { withTransfer } from './transfer.ts'

/** node-postgres hands out a bigint as a string. */
type AccountRow = Omit<Account, 'balance'> & { readonly balance: string }

/** node-postgres itself: a pool, the listener its documentation asks for, and its documented transaction. */
export const pg: Subject = {
  name: 'pg',
  async open({ url, reprise, max = 10, rerunnable }) {
    const pool = new Pool({ connectionString: url, max, ...door(reprise) })
    // as its documentation asks: an idle client whose backend goes away emits its error here
    pool.on('error', () => {})
    return withTransfer({
      ...operations(pool),
      transaction: (work) =>
        rerunnable ? rerun((run) => transact(pool, run), work) : transact(pool, work),
      close: () => pool.end(),
    })
  },
}

async function transact<T>(pool: Pool, work: (inside: Operations) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const result = await work(operations(client))
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

function operations(db: Pool | PoolClient): Operations {
  return {
    async read(id) {
      const { rows } = await db.query<AccountRow>(
        'SELECT id, balance, version FROM account WHERE id = $1',
        [id],
      )
      return one(rows, id)
    },
    async add(id, by) {
      await db.query(
        'UPDATE account SET balance = balance + $1, version = version + 1 WHERE id = $2',
        [by, id],
      )
    },
    async insert({ token, source, target, amount }) {
      await db.query(
        'INSERT INTO transfer (token, source, target, amount) VALUES ($1, $2, $3, $4)',
        [token, source, target, amount],
      )
    },
    async raw(sql) {
      return (await db.query<Row>(sql)).rows
    },
  }
}

function one(rows: readonly AccountRow[], id: number): Account {
  const [row] = rows
  if (row === undefined) throw new Error(`there is no account ${id}`)
  return { ...row, balance: Number(row.balance) }
}
