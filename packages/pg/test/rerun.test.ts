import { randomUUID } from 'node:crypto'
import { rerun } from '@reprise/pg'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createDatabase, kill } from './compare.ts'
import { poolOn } from './support.ts'

let url: string
let pool: pg.Pool
let plain: pg.Pool

beforeAll(async () => {
  url = await createDatabase()
  pool = poolOn(url, {}, { max: 3 })
  plain = new pg.Pool({ connectionString: url, max: 2 })
  await plain.query('CREATE TABLE account (id int PRIMARY KEY, balance int)')
  await plain.query('CREATE TABLE note (token uuid)')
  await plain.query(
    'CREATE FUNCTION noted(uuid) RETURNS void LANGUAGE sql AS $$ INSERT INTO note VALUES ($1) $$',
  )
  await plain.query(`CREATE FUNCTION leaves() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO note VALUES (current_setting('app.token')::uuid); RETURN 1; END $$;
    CREATE VIEW telling AS SELECT leaves() AS n;
    CREATE TABLE watched (n int); INSERT INTO watched VALUES (1); CREATE ROLE reader;
    ALTER TABLE watched ENABLE ROW LEVEL SECURITY;
    CREATE POLICY leaves ON watched USING (leaves() = 1);
    CREATE FUNCTION leaves(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT leaves() = 1';
    CREATE OPERATOR ## (LEFTARG = int, RIGHTARG = int, FUNCTION = leaves);
    GRANT SELECT ON watched TO reader; GRANT INSERT ON note TO reader`)
  await plain.query('INSERT INTO account VALUES (1, 0)')
})
beforeEach(() => plain.query('UPDATE account SET balance = 0'))
afterAll(() => Promise.all([pool.end(), plain.end()]))

/** A transaction as the query builders run one: the hook is what they call when it was committed. */
async function within<T>(
  on: pg.Pool,
  run: (client: pg.PoolClient) => Promise<T>,
  committed?: () => Promise<void>,
): Promise<T> {
  const client = await on.connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
    const result = await run(client)
    await client.query('COMMIT')
    await committed?.()
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}
const transaction = <T>(run: (client: pg.PoolClient) => Promise<T>): Promise<T> => within(pool, run)
const db = { transaction }

const refusal = "DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '40001'; END $$"

const balance = async (): Promise<unknown> =>
  (await plain.query('SELECT balance FROM account')).rows[0].balance

async function notes(token: string): Promise<unknown> {
  return (await plain.query('SELECT FROM note WHERE token = $1', [token])).rowCount
}

/** Reads, loses the connection while somebody else changes what was read, and adds one. */
async function diverge(client: pg.PoolClient, first: boolean): Promise<number> {
  const { rows } = await client.query<{ balance: number }>('SELECT balance FROM account')
  const read = Number(rows[0]?.balance)
  if (first) {
    await kill(client)
    await plain.query('UPDATE account SET balance = balance + 10')
  }
  await client.query('UPDATE account SET balance = $1', [read + 1])
  return read + 1
}

test.each([
  ['a function', transaction],
  ['an object', { transaction }],
  ['a function with a transaction of its own', Object.assign(() => undefined, { transaction })],
])('a callback whose transaction diverged is run again, by %s', async (_, by) => {
  let runs = 0
  const run = rerun as (
    by: unknown,
    callback: (client: pg.PoolClient) => Promise<number>,
  ) => Promise<number>
  expect(await run(by, (client) => diverge(client, ++runs === 1))).toBe(11)
  expect([runs, await balance()]).toEqual([2, 11])
})

test('a callback that PostgreSQL refused with 40001 is run again', async () => {
  let runs = 0
  await rerun(db, async (client) => {
    await client.query('UPDATE account SET balance = balance + 1')
    if (++runs < 3) await client.query(refusal)
  })
  expect([runs, await balance()]).toEqual([3, 1])
})

test('an error of the application ends it after one run', async () => {
  let runs = 0
  const own = new Error('no')
  const failing = rerun(db, async () => {
    runs++
    throw own
  })
  await expect(failing).rejects.toBe(own)
  expect(runs).toBe(1)
})

const write = 'INSERT INTO note VALUES ($1)'

/** Reads that write, of which the text does not say so. */
const hiding: [how: string, read: (client: pg.PoolClient) => Promise<unknown>][] = [
  ['a view', (client) => client.query('SELECT n FROM telling')],
  ['a view, with a value', (client) => client.query('SELECT n FROM telling WHERE n = $1', [1])],
  ['a view, in a text with more', (client) => client.query('SELECT 1; SELECT n FROM telling')],
  [
    'a view, in pieces',
    (client) =>
      client.query({
        text: 'SELECT n FROM telling',
        values: [],
        rows: 1,
      } as object as pg.QueryConfig),
  ],
  [
    'a view, in a transaction of its own',
    async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT n FROM telling')
      await client.query('COMMIT')
    },
  ],
  ['a policy', (client) => client.query('TABLE watched')],
  ['an operator', (client) => client.query('SELECT 1 ## 1')],
  [
    'a view, read by a cursor',
    async (client) => {
      const cursor = client.query(new Cursor('SELECT n FROM telling'))
      await cursor.read(10)
      await cursor.close()
    },
  ],
]

const kept: [string, (token: string, body: () => void) => Promise<unknown>][] = [
  [
    'by the method, whose hook then fails',
    (token, ran) =>
      rerun(
        (run: (client: pg.PoolClient) => Promise<void>) =>
          within(pool, run, async () => void (await pool.query(refusal))),
        async (client) => {
          ran()
          await client.query(write, [token])
        },
      ),
  ],
  [
    'by the callback',
    (token, ran) =>
      rerun(db, async (client) => {
        ran()
        await client.query(write, [token])
        await client.query('COMMIT')
        await client.query(refusal)
      }),
  ],
  [
    'behind a statement, in one text',
    (token, ran) =>
      rerun(db, async (client) => {
        ran()
        await client.query(`INSERT INTO note VALUES ('${token}'); COMMIT`)
        await client.query(refusal)
      }),
  ],
  [
    'beside it, by a write of its own',
    (token, ran) =>
      rerun(db, async (client) => {
        ran()
        await pool.query(write, [token])
        await client.query(refusal)
      }),
  ],
  ...[false, true].map((own): (typeof kept)[number] => [
    `beside it, by a function of somebody's${own ? ', in a query of its own' : ''}`,
    (token, ran) =>
      rerun(db, async (client) => {
        ran()
        const text = `SELECT noted('${token}')`
        if (!own) await pool.query(text)
        else {
          await new Promise<void>((resolve) => {
            const query = new pg.Query(text, (() => resolve()) as never)
            void pool.connect().then((other) => {
              other.query(query)
              other.once('drain', () => other.release())
            })
          })
        }
        await client.query(refusal)
      }),
  ]),
  ...hiding.map(([how, read]): (typeof kept)[number] => [
    `beside it, by ${how}`,
    (token, ran) =>
      rerun(db, async (client) => {
        ran()
        const other = await pool.connect()
        try {
          await other.query(`SET app.token = '${token}'`)
          if (how.includes('policy')) await other.query('SET ROLE reader')
          await read(other)
          await other.query('RESET ROLE; RESET app.token')
        } finally {
          other.release()
        }
        await client.query(refusal)
      }),
  ]),
]

test.each([
  ['a read', 'SELECT balance FROM account'],
  ['a read with a value', { text: 'SELECT balance FROM account WHERE id = $1', values: [1] }],
  ['a harmless function', 'SELECT version()'],
  ['a setting', 'SET app.token = 1'],
])('beside %s, what PostgreSQL refused is run again', async (_, query) => {
  let runs = 0
  await rerun(db, async (client) => {
    await pool.query(query as string)
    if (++runs === 1) await client.query(refusal)
  })
  expect(runs).toBe(2)
})

test.each(kept)('what was committed %s is not run again', async (_, run) => {
  const token = randomUUID()
  let runs = 0
  await expect(run(token, () => void runs++)).rejects.toMatchObject({ code: '40001' })
  expect([runs, await notes(token)]).toEqual([1, 1])
})

test('a database that runs on no session is refused before the callback is called', async () => {
  let runs = 0
  const refused = rerun(
    (run: (client: pg.PoolClient) => Promise<void>) => within(plain, run),
    async () => void runs++,
  )
  await expect(refused).rejects.toThrow('rerun() saw no transaction begin on a session')
  expect(runs).toBe(0)
})

test('inside another, it is the outer one that is run again', async () => {
  let outer = 0
  let inner = 0
  await rerun(db, async () => {
    outer++
    await rerun(db, async (client) => {
      if (++inner === 1) await client.query(refusal)
    })
  })
  expect([outer, inner]).toEqual([2, 2])
})

test('what has no transaction is refused at once', () => {
  const nothing = async (): Promise<void> => undefined
  expect(() => rerun({} as never, nothing)).toThrow(
    'rerun() takes what has a transaction(callback)',
  )
  expect(() => rerun(undefined as never, nothing)).toThrow('rerun() takes what has')
  expect(() => rerun(db, undefined as never)).toThrow('rerunnable() takes')
})
