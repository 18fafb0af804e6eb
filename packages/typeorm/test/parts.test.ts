import {
  DataSource,
  EntitySchema,
  type MigrationInterface,
  QueryFailedError,
  type QueryRunner,
  Table,
  TableColumn,
} from 'typeorm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Proxy as FaultProxy, until } from '../../../test/kit/index.ts'
import { diagnose, type PostgresOptions, reprise } from '../src/index.ts'
import { Database } from './database.ts'

interface Leaf {
  id: number
  gone?: Date
}

const leaf = new EntitySchema<Leaf>({
  name: 'leaf',
  columns: { id: { type: 'int', primary: true }, gone: { type: 'timestamptz', deleteDate: true } },
})

/** Its leaves are in a table of their own. */
const branch = new EntitySchema<{ id: number; leaves: Leaf[] }>({
  name: 'branch',
  columns: { id: { type: 'int', primary: true } },
  relations: { leaves: { type: 'many-to-many', target: 'leaf', joinTable: { name: 'grown' } } },
})

const twig = new Table({
  name: 'twig',
  columns: [{ name: 'id', type: 'int', isPrimary: true }],
  indices: [{ name: 'twigs', columnNames: ['id'] }],
})

class FillTwice1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('insert into leaf values (1)')
    await runner.query('insert into leaf values (2)')
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('delete from leaf where id = 1')
    await runner.query('delete from leaf where id = 2')
  }
}

let database: Database
let proxy: FaultProxy
let source: DataSource
/** At which write the server goes down; of all writes, if at none. */
let at = 0
let writes = 0

beforeAll(async () => {
  const url = inject('serverUrl')
  database = await Database.create(url)
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  const options: PostgresOptions = {
    type: 'postgres',
    url: proxy.url(database.url),
    poolSize: 1,
    entities: [leaf, branch],
    migrations: [FillTwice1700000000001],
    migrationsTransactionMode: 'none',
  }
  source = new DataSource(reprise(options, { deadline: 400, backoff: { base: 1, cap: 5 } }))
  await source.initialize()
  await source.synchronize()
  await source.undoLastMigration()
  proxy.onFrame(({ from, type, text }) => {
    if (from !== 'client' || (type !== 'Q' && type !== 'P')) return 'pass'
    if (!/^(insert|update|delete|drop|alter|create (table|index))/i.test(text)) return 'pass'
    if (++writes !== at) return 'pass'
    proxy.refuse(true)
    return database.killAll().then(() => 'pass' as const)
  })
})

afterAll(async () => {
  await source.destroy()
  await proxy.close()
  await database.close()
})

const leaves: Leaf[] = [{ id: 1 }, { id: 2 }, { id: 3 }]
const alone = { transaction: false, chunk: 1 }
const rows = (list: string) => database.sql(`truncate leaf, grown; insert into leaf values ${list}`)
const contents = async (): Promise<string> =>
  JSON.stringify([
    await database.sql('select * from leaf order by id'),
    await database.sql('select name from migrations'),
    await database.sql('select * from grown order by 1, 2'),
    await database.sql(
      "select attname from pg_attribute where attrelid = to_regclass('twig') and attnum > 0 order by 1",
    ),
    await database.sql("select to_regclass('twigs')"),
  ])

const three = (): Promise<unknown> => rows('(1), (2), (3)')
const none = (): Promise<unknown> => database.sql('truncate leaf, grown, migrations')
const done = (): Promise<unknown> =>
  database.sql(`truncate leaf, grown, migrations; insert into leaf values (1), (2);
    insert into migrations (timestamp, name) values (1700000000001, 'FillTwice1700000000001')`)

const bare = (): Promise<unknown> => database.sql('drop table if exists twig')
const grown = async (): Promise<unknown> => {
  await three()
  return database.sql(`insert into branch values (1) on conflict do nothing;
    insert into grown values (1, 1)`)
}
const planted = async (): Promise<unknown> => {
  await bare()
  return database.sql('create table twig (id int); create index twigs on twig (id)')
}
const change = (work: (runner: QueryRunner) => Promise<unknown>) => async () => {
  const runner = source.createQueryRunner()
  try {
    await work(runner)
  } finally {
    await runner.release()
  }
}
const column = (name: string): TableColumn =>
  new TableColumn({ name, type: 'int', isNullable: true })

const calls: Readonly<Record<string, [() => Promise<unknown>, () => Promise<unknown>]>> = {
  'save()': [none, () => source.manager.save(leaf, leaves, alone)],
  'save() of a repository': [none, () => source.getRepository(leaf).save(leaves, alone)],
  'remove()': [three, async () => source.manager.remove(leaf, await found(), alone)],
  'softRemove()': [three, async () => source.manager.softRemove(leaf, await found(), alone)],
  'addAndRemove()': [
    grown,
    () => source.createQueryBuilder().relation(branch, 'leaves').of(1).addAndRemove([2, 3], [1]),
  ],
  'createTable() of a query runner': [bare, change((runner) => runner.createTable(twig))],
  'addColumns() of a query runner': [
    planted,
    change((runner) => runner.addColumns('twig', [column('a'), column('b')])),
  ],
  'runMigrations()': [none, () => source.runMigrations()],
  'undoLastMigration()': [done, () => source.undoLastMigration({ transaction: 'none' })],
}

const found = (): Promise<Leaf[]> => source.manager.find(leaf)

describe.each(Object.entries(calls))('%s without a transaction', (_, [begin, call]) => {
  test('says what became of all of it', async () => {
    at = 0
    await begin()
    writes = 0
    const before = await contents()
    await call()
    const all = writes
    expect(all).toBeGreaterThan(1)
    for (let place = 1; place <= all; place++) {
      at = 0
      await begin()
      await until(() => source.query('select 1').then(Boolean, () => false))
      writes = 0
      at = place
      const error = await call().catch((failure: unknown) => failure)
      proxy.refuse(false)
      expect(error).toBeInstanceOf(QueryFailedError)
      expect(writes).toBe(place)
      const nothingKept = (await contents()) === before
      expect(nothingKept).toBe(place === 1)
      expect(diagnose(error)?.outcome).toBe(nothingKept ? 'rolled-back' : 'in-doubt')
      if (!nothingKept) expect(error).toMatchObject({ code: '08007', reason: 'in-parts' })
    }
  })
})

test('in a transaction, the outcome is that of the transaction', async () => {
  at = 0
  await none()
  await until(() => source.query('select 1').then(Boolean, () => false))
  const before = await contents()
  writes = 0
  at = 3
  const work = source.transaction((manager) => manager.save(leaf, leaves, alone))
  await expect(work).rejects.toMatchObject({ outcome: 'rolled-back' })
  proxy.refuse(false)
  expect(await contents()).toBe(before)
})

test('a schema that is dropped and made again says what became of both', async () => {
  const made = async (): Promise<boolean> =>
    (await database.sql("select to_regclass('leaf') as name"))[0]?.name !== null
  const lostAt = async (place: number): Promise<unknown> => {
    at = 0
    await until(() => source.query('select 1').then(Boolean, () => false))
    writes = 0
    at = place
    const error = await source.synchronize(true).catch((failure: unknown) => failure)
    proxy.refuse(false)
    return error
  }
  at = 0
  await source.synchronize(true)
  expect(await lostAt(1)).toMatchObject({ outcome: 'rolled-back' })
  expect(await made()).toBe(true)
  expect(await lostAt(2)).toMatchObject({ outcome: 'in-doubt', reason: 'in-parts' })
  expect(await made()).toBe(false)
})
