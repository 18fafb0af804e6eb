import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { door } from '../subjects/door.ts'
import { type Opened, type SubjectName, subject, titles } from '../subjects/index.ts'

/** What is expected of it: the kind decides about the goal. */
export type Kind = 'read' | 'read only' | 'transaction' | 'write'

/** One operation that is measured. */
export interface Workload<On> {
  readonly kind: Kind
  readonly once: (on: On) => Promise<unknown>
}

/** A row of the report: one workload on both sides. */
export interface Row {
  readonly title: string
  readonly kind: Kind
  readonly plain: () => Promise<unknown>
  readonly reprise: () => Promise<unknown>
}

let counter = 0
let fresh = 1_000_000
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

/** By node-postgres itself. */
export const onPg: Readonly<Record<string, Workload<pg.Pool>>> = {
  'select 1': { kind: 'read', once: (pool) => pool.query('SELECT 1') },
  read: {
    kind: 'read',
    once: (pool) => pool.query('SELECT id, name, amount FROM item WHERE id = $1', [next()]),
  },
  rows: {
    kind: 'read',
    once: (pool) => pool.query('SELECT id, name, amount FROM item LIMIT 100'),
  },
  insert: {
    kind: 'write',
    once: (pool) => pool.query('INSERT INTO log (note) VALUES ($1)', ['a note']),
  },
  update: {
    kind: 'write',
    once: (pool) => pool.query('UPDATE item SET amount = amount + 1 WHERE id = $1', [next()]),
  },
  // A text that nobody has sent before, each time.
  inlined: {
    kind: 'write',
    once: (pool) => pool.query(`UPDATE item SET amount = ${fresh++} WHERE id = ${next()}`),
  },
  'read only': {
    kind: 'read only',
    once: (pool) =>
      inTransaction(pool, (client) =>
        client.query('SELECT amount FROM item WHERE id = $1', [next()]),
      ),
  },
  transaction: {
    kind: 'transaction',
    once: (pool) =>
      inTransaction(pool, async (client) => {
        await client.query('SELECT amount FROM item WHERE id = $1', [next()])
        await client.query('INSERT INTO log (note) VALUES ($1)', ['a note'])
        await client.query('INSERT INTO log (note) VALUES ($1)', ['another'])
      }),
  },
}

const transfer = () => ({ token: randomUUID(), source: 1, target: 2, amount: 1 })

/** By an ORM, through its own API. */
const onOrm: Readonly<Record<string, Workload<Opened>>> = {
  read: { kind: 'read', once: (orm) => orm.read(next()) },
  insert: { kind: 'write', once: (orm) => orm.insert(transfer()) },
  'read only': {
    kind: 'read only',
    once: (orm) => orm.transaction((inside) => inside.read(next())),
  },
  transaction: {
    kind: 'transaction',
    once: (orm) =>
      orm.transaction(async (inside) => {
        await inside.read(next())
        await inside.insert(transfer())
        await inside.insert(transfer())
      }),
  },
}

/** What all of it needs to be there. */
export const schema = `CREATE TABLE item (id int PRIMARY KEY, name text, amount int);
 CREATE TABLE log (note text);
 CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, version int NOT NULL);
 CREATE TABLE transfer (token uuid PRIMARY KEY, source int, target int, amount int);
 INSERT INTO item SELECT i, 'item ' || i, i FROM generate_series(1, 1000) i;
 INSERT INTO account SELECT i, 1000, 0 FROM generate_series(1, 1000) i`

/** The rows of one subject, and what closes it. */
export interface Rows {
  readonly rows: readonly Row[]
  readonly close: () => Promise<void>
}

/** Opens both sides of node-postgres. */
export function pgRows(url: string, max: number, only: readonly string[] | undefined): Rows {
  const plain = new pg.Pool({ connectionString: url, max })
  const ours = new pg.Pool({ connectionString: url, max, ...door({}) })
  const rows = Object.entries(onPg).map(([name, { kind, once }]) => ({
    title: name,
    kind,
    plain: () => once(plain),
    reprise: () => once(ours),
  }))
  return {
    rows: chosen(rows, only),
    close: async () => {
      await plain.end()
      await ours.end()
    },
  }
}

/** Opens both sides of an ORM: as its makers ship it, and by the one line or its door. */
export async function ormRows(
  name: Exclude<SubjectName, 'pg'>,
  through: 'line' | 'door',
  url: string,
  max: number,
  only: readonly string[] | undefined,
): Promise<Rows> {
  const orm = await subject(name)
  await orm.prepare?.()
  const plain = await orm.open({ url, reprise: false, max })
  const ours = await orm.open({ url, reprise: {}, max, through })
  const rows = Object.entries(onOrm).map(([work, { kind, once }]) => ({
    title: work,
    kind,
    plain: () => once(plain),
    reprise: () => once(ours),
  }))
  return {
    rows: chosen(rows, only).map((row) => ({
      ...row,
      title: `${titles[name]} (${through}): ${row.title}`,
    })),
    close: async () => {
      await plain.close()
      await ours.close()
    },
  }
}

function chosen(rows: readonly Row[], only: readonly string[] | undefined): readonly Row[] {
  return only === undefined ? rows : rows.filter(({ title }) => only.includes(title))
}
