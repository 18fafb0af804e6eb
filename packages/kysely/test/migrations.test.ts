import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { Database } from './database.ts'
import { doors, type Opened } from './doors.ts'

/** A migration that is at it for a while the first time. */
const slow: Migration = {
  async up(db: Kysely<never>) {
    await db.schema
      .createTable('slow')
      .addColumn('id', 'serial', (col) => col.primaryKey())
      .execute()
    await sql`select pg_sleep(0.5) /* in the middle */`.execute(db)
    await db.schema.createIndex('slow_id').on('slow').column('id').execute()
  },
}
const quick: Migration = {
  async up(db: Kysely<never>) {
    await db.schema.createTable('quick').addColumn('id', 'integer').execute()
    await db.schema.alterTable('quick').addColumn('name', 'text').execute()
  },
}

describe.each(doors)('$door', ({ open }) => {
  let database: Database
  let opened: Opened
  beforeAll(async () => {
    database = await Database.create(inject('serverUrl'))
    opened = open({ url: database.url, max: 2 })
  })
  afterAll(async () => {
    await opened.db.destroy()
    await database.close()
  })
  const migrator = () =>
    new Migrator({
      db: opened.db,
      provider: { getMigrations: async () => ({ '1_quick': quick, '2_slow': slow }) },
    })

  test('migrations that lose their lock stop with an honest error, and nothing half done', async () => {
    const migrating = migrator().migrateToLatest()
    await until(() => database.killAll(`query like '%in the middle%' and state = 'active'`))
    const { error } = await migrating
    // The last word is that of the migrator's own unlock.
    expect(error).toMatchObject({
      outcome: 'not-sent',
      reason: 'anchored',
      cause: { outcome: 'rolled-back', reason: 'anchored', cause: { code: '57P01' } },
    })
    expect(await tables(database)).not.toContain('slow')
    // Of this database: others share the server.
    const locks = await database.sql(`
      select 1 from pg_locks join pg_database on pg_database.oid = database
       where datname = current_database() and locktype = 'advisory'`)
    expect(locks).toEqual([])
  })

  test('and run to their end the next time', async () => {
    const { error, results } = await migrator().migrateToLatest()
    expect(error).toBeUndefined()
    expect(results?.map(({ status }) => status)).toEqual(['Success', 'Success'])
    expect(await tables(database)).toEqual(expect.arrayContaining(['quick', 'slow']))
    expect((await opened.db.introspection.getTables()).map(({ name }) => name)).toContain('slow')
  })

  test('a schema change in a transaction is made once, whatever becomes of the backend', async () => {
    // A session that has held the migrator's lock would say that it cannot be made again.
    const { db } = open({ url: database.url, max: 1 })
    await db.transaction().execute(async (trx) => {
      await trx.schema.createTable('made').addColumn('id', 'integer').execute()
      await database.killIdleInTransaction()
      await trx.schema.alterTable('made').addColumn('more', 'text').execute()
      await database.killIdleInTransaction()
    })
    const columns = await database.sql(
      `select column_name as name from information_schema.columns where table_name = 'made'`,
    )
    expect(columns).toEqual([{ name: 'id' }, { name: 'more' }])
    await db.destroy()
  })
})

async function tables(database: Database): Promise<unknown[]> {
  const rows = await database.sql(`select tablename from pg_tables where schemaname = 'public'`)
  return rows.map(({ tablename }) => tablename)
}
