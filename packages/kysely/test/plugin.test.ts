import { isReprised, ReprisePlugin, reprise } from '@reprise/kysely'
import { reprise as atPool } from '@reprise/pg'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { OwnDatabase } from '../../../test/kit/index.ts'
import { createDatabase } from '../../../test/kit/own-database.ts'

let database: OwnDatabase
const opened: { destroy(): Promise<void> }[] = []

beforeAll(async () => {
  database = new OwnDatabase(await createDatabase(inject('serverUrl')))
  await database.sql('create table note (id int)')
})
afterEach(() => Promise.all(opened.splice(0).map((db) => db.destroy())))
afterAll(() => database?.close())

const pool = (): pg.Pool => new pg.Pool({ connectionString: database.url, max: 2 })

function open(dialect: PostgresDialect, plugin: ReprisePlugin): Kysely<unknown> {
  const db = new Kysely<unknown>({ dialect, plugins: [plugin] })
  opened.push(db)
  return db
}

const one = async (db: Kysely<unknown>): Promise<unknown> =>
  (await sql`select 1 as one`.execute(db)).rows

test('a plugin with another pool than the dialect’s is refused at the first answer, and for good', async () => {
  const db = open(new PostgresDialect({ pool: pool() }), new ReprisePlugin({ pool: pool() }))
  await expect(one(db)).rejects.toThrow('does not use')
  expect(isReprised(db)).toBe(false)
  await expect(sql`insert into note values (1)`.execute(db)).rejects.toThrow('does not use')
  expect(await database.sql('select * from note')).toEqual([])
})

test('in a transaction it is refused before anything is kept', async () => {
  const db = open(new PostgresDialect({ pool: pool() }), new ReprisePlugin({ pool: pool() }))
  const work = db.transaction().execute((trx) => sql`insert into note values (2)`.execute(trx))
  await expect(work).rejects.toThrow('does not use')
  expect(await database.sql('select * from note')).toEqual([])
})

test('a pool that was used before is known as the dialect’s', async () => {
  const shared = pool()
  await shared.query('select 1')
  const db = open(new PostgresDialect({ pool: shared }), new ReprisePlugin({ pool: shared }))
  expect(await one(db)).toEqual([{ one: 1 }])
})

test('a lazy pool is made once, at the first query, and is on sessions', async () => {
  let made = 0
  const plugin = new ReprisePlugin({
    pool: async () => {
      made += 1
      return pool()
    },
  })
  const dialect = new PostgresDialect({ pool: plugin.pool as () => Promise<pg.Pool> })
  const db = open(dialect, plugin)
  expect(made).toBe(0)
  expect(await one(db)).toEqual([{ one: 1 }])
  expect(await database.killAll()).toBe(1)
  expect(await one(db)).toEqual([{ one: 1 }])
  expect(made).toBe(1)
  expect(isReprised(db)).toBe(true)
})

test('a lazy pool that is made twice, beside the plugin, is refused', async () => {
  const lazy = async () => pool()
  const db = open(new PostgresDialect({ pool: lazy }), new ReprisePlugin({ pool: lazy }))
  await expect(one(db)).rejects.toThrow('does not use')
})

test('isReprised tells who runs on sessions', async () => {
  const plain = pool()
  const line = new pg.Pool({ connectionString: database.url, ...atPool() })
  const door = new Kysely<unknown>(reprise({ pool: pool() }))
  const stock = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: plain }) })
  opened.push(door, stock, { destroy: () => line.end() })
  expect([plain, stock, {}, undefined, 'pool'].map(isReprised)).toEqual(Array(5).fill(false))
  expect([line, door, door.withSchema('x')].map(isReprised)).toEqual([true, true, true])
  await door.transaction().execute(async (trx) => expect(isReprised(trx)).toBe(true))
})
