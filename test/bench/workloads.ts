import type pg from 'pg'

let counter = 0
const next = (): number => (counter = (counter % 1000) + 1)

async function inTransaction(
  pool: pg.Pool,
  body: (client: pg.PoolClient) => Promise<unknown>,
): Promise<void> {
  const client = await pool.connect()
  await client.query('BEGIN')
  await body(client)
  await client.query('COMMIT')
  client.release()
}

/** What is measured: one operation each. */
export const workloads: Readonly<Record<string, (pool: pg.Pool) => Promise<unknown>>> = {
  'select 1': (pool) => pool.query('SELECT 1'),
  read: (pool) => pool.query('SELECT id, name, amount FROM item WHERE id = $1', [next()]),
  rows: (pool) => pool.query('SELECT id, name, amount FROM item LIMIT 100'),
  insert: (pool) => pool.query('INSERT INTO log (note) VALUES ($1)', ['a note']),
  inlined: (pool) => pool.query(`UPDATE item SET amount = amount + 1 WHERE id = ${next()}`),
  'read only': (pool) =>
    inTransaction(pool, (client) =>
      client.query('SELECT amount FROM item WHERE id = $1', [next()]),
    ),
  transaction: (pool) =>
    inTransaction(pool, async (client) => {
      await client.query('SELECT amount FROM item WHERE id = $1', [next()])
      await client.query('INSERT INTO log (note) VALUES ($1)', ['a note'])
      await client.query('INSERT INTO log (note) VALUES ($1)', ['another'])
    }),
}
