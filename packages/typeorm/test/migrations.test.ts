import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { RepriseSubscriber } from '../src/index.ts'
import { Database } from './database.ts'
import { AccountSchema, OrderSchema, PersonSchema, PostSchema } from './entities.ts'
import { killedBefore, Striker } from './gaps.ts'

class CreateTables1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table first (id int primary key)')
    await runner.query('insert into first values (1)')
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table first')
  }
}

class FillTables1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table first add column note text')
    await runner.query("update first set note = 'migrated'")
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table first drop column note')
  }
}

let database: Database

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})

afterAll(() => database.close())

const empty = () => database.sql('drop schema public cascade; create schema public')

const open = () =>
  new DataSource({
    type: 'postgres',
    url: database.url,
    poolSize: 2,
    entities: [AccountSchema, OrderSchema, PersonSchema, PostSchema],
    migrations: [CreateTables1700000000001, FillTables1700000000002],
    subscribers: [RepriseSubscriber, Striker],
  })

describe.each(['all', 'each', 'none'] as const)("migrations in mode '%s'", (transaction) => {
  test('survive a kill before any of their statements', async () => {
    let statements = Infinity
    for (let n = -1; n < statements; n++) {
      await empty()
      const source = await open().initialize()
      const run = await killedBefore(database, n, () => source.runMigrations({ transaction }))
      statements = run.statements
      expect(run.result).toHaveLength(2)
      expect(await database.sql('select * from first')).toEqual([{ id: 1, note: 'migrated' }])
      expect(await database.sql('select name from migrations order by id')).toHaveLength(2)
      await source.undoLastMigration()
      await source.destroy()
    }
    expect(statements).toBeGreaterThan(5)
  })
})

test('synchronize() survives a kill before any of its statements', async () => {
  let statements = Infinity
  let undisturbed: unknown
  for (let n = -1; n < statements; n++) {
    await empty()
    const source = await open().initialize()
    const run = await killedBefore(database, n, () => source.synchronize())
    statements = run.statements
    for (const metadata of source.entityMetadatas) {
      expect(await source.getRepository(metadata.target).count()).toBe(0)
    }
    // TypeORM would change some defaults again and again: that is its own doing.
    const { upQueries } = await source.driver.createSchemaBuilder().log()
    undisturbed ??= upQueries
    expect(upQueries).toEqual(undisturbed)
    await source.destroy()
  }
  expect(statements).toBeGreaterThan(10)
})
