import { Migration, Migrator } from '@mikro-orm/migrations'
import { DriverException, type EntityManager, MikroORM, type Options } from '@mikro-orm/postgresql'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { diagnose, type RepriseOptions, reprise } from '../src/index.ts'
import { Account, Transfer } from './account.ts'
import { Database, type Fault } from './database.ts'

let database: Database
class First extends Migration {
  override up(): void {
    this.addSql('create table "account" ("id" int primary key, "balance" int not null)')
    this.addSql('alter table "account" add column "version" int not null default 1')
    this.addSql('insert into "account" values (1, 1000)')
  }
}

class Second extends Migration {
  override up(): void {
    this.addSql('create table "transfer" ("token" uuid primary key, "amount" int not null)')
  }
}

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})

afterAll(() => database?.[Symbol.asyncDispose]())

type Migrations = NonNullable<Options['migrations']>

const migrationsList = [
  { name: 'First', class: First },
  { name: 'Second', class: Second },
]

/** An ORM that is connected and has looked at nothing yet. */
async function open(
  migrations: Migrations = { migrationsList },
  options?: RepriseOptions,
): Promise<MikroORM> {
  const orm = await MikroORM.init(
    reprise(
      {
        clientUrl: database.url,
        entities: [Account, Transfer],
        extensions: [Migrator, Seeders],
        migrations: { ...migrations, snapshot: false, silent: true },
      },
      options,
    ),
  )
  await orm.connect()
  return orm
}

const fresh = async (): Promise<void> => {
  await database.sql('drop schema public cascade; create schema public')
}
const tables = async (): Promise<unknown[]> =>
  (
    await database.sql(
      "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
    )
  ).map(({ relname }) => relname)

/**
 * Does a piece of work without a fault, then once for each of its statements with one.
 * @param finish does the rest of it, after an honest error
 */
async function everywhere(
  fault: Fault,
  work: (orm: MikroORM) => Promise<unknown>,
  finish: (orm: MikroORM) => Promise<unknown> = work,
): Promise<{ statements: number; surfaced: unknown[] }> {
  const surfaced: unknown[] = []
  const run = async (place?: number): Promise<unknown[]> => {
    await fresh()
    const orm = await open()
    database.listen(place, fault)
    const error = await work(orm).then(
      () => undefined,
      (failure) => failure,
    )
    expect(database.struck, `statement ${place}`).toBe(place !== undefined)
    await orm.close()
    if (error !== undefined) {
      surfaced.push(diagnose(error)?.outcome ?? error)
      const again = await open()
      await finish(again)
      await again.close()
    }
    return tables()
  }
  const expected = await run()
  const statements = database.statements.length
  for (let place = 0; place < statements; place++) {
    expect(await run(place), `statement ${place}`).toEqual(expected)
  }
  return { statements, surfaced }
}

const update = (orm: MikroORM): Promise<unknown> => orm.schema.update()
const migrate = async (orm: MikroORM): Promise<void> => {
  await orm.migrator.up()
  expect(await database.sql('select balance from account')).toEqual([{ balance: 1000 }])
}

test('the schema generator outlives its backend at every statement', async () => {
  const { statements, surfaced } = await everywhere('kill', update)
  expect(statements).toBeGreaterThan(2)
  expect(surfaced).toEqual([])
})

test('a migration whose backend is killed is mended, or rolled back whole and can be run again', async () => {
  const { statements, surfaced } = await everywhere('kill', migrate)
  expect(statements).toBeGreaterThan(5)
  // Its row of the history has a time of the server's, which is not kept once tables were defined.
  expect(new Set(surfaced)).toEqual(new Set(['rolled-back']))
  expect(surfaced.length).toBeLessThan(statements / 2)
})

test.each([
  ['the schema generator', update],
  ['migrations', migrate],
])('where the network swallows an answer, %s are mended or say so honestly', async (_, work) => {
  const { statements, surfaced } = await everywhere('cut', work)
  // A statement like CREATE TABLE that commits by itself carries no witness.
  for (const outcome of surfaced) expect(['in-doubt', 'rolled-back']).toContain(outcome)
  expect(surfaced.length).toBeLessThan(statements)
})

class Third extends Migration {
  override up(): void {
    this.addSql('create table "third" ("id" int primary key)')
    this.addSql('insert into "third" values (1)')
    this.addSql('insert into "third" values (2)')
  }

  override isTransactional(): boolean {
    return false
  }
}

/** What @mikro-orm/seeder does, as far as it matters here. */
const Seeders = {
  register(orm: {
    config: { registerExtension(name: string, make: () => unknown): void }
    em: { fork(): unknown }
  }): void {
    orm.config.registerExtension('@mikro-orm/seeder', () => ({
      seed: (run: (em: EntityManager) => Promise<void>) => run(orm.em.fork() as EntityManager),
    }))
  },
}

const sow = async (em: EntityManager): Promise<void> => {
  for (const id of [1, 2]) await em.insert(Account, { id, balance: 1, version: 1 })
}

const alone: Migrations = { migrationsList: [{ name: 'Third', class: Third }] }
const two = { migrationsList }
const parts: [string, Migrations, (orm: MikroORM) => Promise<unknown>, boolean?][] = [
  ['schema.create()', two, (orm) => orm.schema.create()],
  ['schema.refresh()', two, (orm) => orm.schema.refresh()],
  [
    'schema.execute()',
    two,
    (orm) => orm.schema.execute('create table a ();\n\ncreate table b ();'),
  ],
  ['migrations without transactions', { ...two, transactional: false }, (orm) => orm.migrator.up()],
  ['a migration that declines its transaction', alone, (orm) => orm.migrator.up()],
  ['a seeder', two, (orm) => orm.seeder.seed(sow as never), true],
]

test.each(parts)(
  '%s: the outcome is that of the whole call',
  async (_, migrations, work, filled) => {
    const begin = async (): Promise<MikroORM> => {
      await fresh()
      const orm = await open(migrations, { deadline: 1000, backoff: { base: 1, cap: 5 } })
      if (filled) await orm.schema.create()
      else await orm.migrator.getExecuted()
      return orm
    }
    const contents = async (): Promise<string> =>
      JSON.stringify([
        await tables(),
        ...(await Promise.all(
          ['account', 'third'].map((name) => database.sql(`select * from ${name}`).catch(() => [])),
        )),
      ])
    const orm = await begin()
    database.listen()
    await work(orm)
    const { length } = database.statements
    await orm.close()
    let kept = 0
    for (let place = 0; place < length; place++) {
      const lost = await begin()
      const before = await contents()
      database.listen(place, 'down')
      const error = await work(lost).catch((failure) => failure)
      database.refuse(false)
      await lost.close()
      expect(error, `statement ${place}`).toBeInstanceOf(DriverException)
      const nothing = (await contents()) === before
      if (nothing) continue
      kept += 1
      expect(diagnose(error), `statement ${place}`).toMatchObject({ outcome: 'in-doubt' })
    }
    expect(kept).toBeGreaterThan(0)
  },
)
