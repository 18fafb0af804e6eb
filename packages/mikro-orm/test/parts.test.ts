import { randomUUID } from 'node:crypto'
import {
  DriverException,
  defineEntity,
  type EntityManager,
  MikroORM,
  p,
} from '@mikro-orm/postgresql'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { diagnose, reprise } from '../src/index.ts'
import { Database } from './database.ts'
import { Animal, Author, Book, entities, Tag } from './entities.ts'

/** In two tables, with keys that the database makes, as clone() wants them. */
const Machine = defineEntity({
  name: 'Machine',
  inheritance: 'tpt',
  properties: { id: p.integer().primary(), watts: p.integer() },
})
const Robot = defineEntity({
  name: 'Robot',
  extends: Machine,
  properties: { arms: p.integer() },
})
const all = [...entities, Machine, Robot]

let database: Database
let orm: MikroORM

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  orm = await MikroORM.init(
    reprise(
      { clientUrl: database.url, entities: all, implicitTransactions: false, pool: { max: 1 } },
      { deadline: 400, backoff: { base: 1, cap: 5 } },
    ),
  )
  await orm.schema.create()
})

afterAll(async () => {
  await orm?.close()
  await database?.[Symbol.asyncDispose]()
})

const author = randomUUID()
const [old, book, tag] = [randomUUID(), randomUUID(), randomUUID()]

async function begin(): Promise<void> {
  database.listen()
  const { em } = orm
  await until(() =>
    em
      .fork()
      .execute('select 1')
      .then(Boolean, () => false),
  )
  await database.sql('truncate author, book, book_tags, tag, animal, vehicle, car')
  await database.sql("insert into author values ($1, 'A', 1, 's', 'c')", [author])
  await database.sql("insert into book values ($1, 'old', $2)", [old, author])
  await database.sql("insert into tag values ($1, 't')", [tag])
  await database.sql('truncate robot, machine restart identity')
  await database.sql('insert into machine (watts) values (4)')
  await database.sql('insert into robot (id, arms) values (1, 2)')
}

/** All that there is, in one order. */
async function contents(): Promise<string> {
  const tables = ['author', 'book', 'book_tags', 'tag', 'animal', 'machine', 'robot']
  const selects = tables.map((name) => `select '${name}' || to_jsonb(t)::text row from ${name} t`)
  const rows = await database.sql(`select row from (${selects.join(' union all ')}) _ order by 1`)
  return JSON.stringify(rows)
}

const threeKinds = (em: EntityManager): void => {
  em.create(Tag, { id: randomUUID(), name: 't' })
  em.create(Author, { id: randomUUID(), name: 'B', address: { street: 's', city: 'c' } })
  em.create(Animal, { id: randomUUID(), name: 'N', kind: 'animal' })
}

const animals = (): object[] =>
  [1, 2, 3].map((n) => ({ id: randomUUID(), name: `${n}`, kind: 'animal' }))

const calls: Readonly<Record<string, (em: EntityManager) => Promise<unknown>>> = {
  'a flush': async (em) => {
    threeKinds(em)
    await em.flush()
  },
  'transactional() that opens no transaction': (em) =>
    em.fork({ disableTransactions: true }).transactional(async (inner) => {
      threeKinds(inner)
      await inner.flush()
      inner.create(Tag, { id: randomUUID(), name: 'second flush' })
    }),
  'upsertMany() in batches': (em) => em.upsertMany(Animal, animals(), { batchSize: 1 }),
  'insert() with a pivot table': (em) =>
    em.insert(Book, { id: book, title: 'b', author, tags: [tag] }),
  'insertMany() with a pivot table': (em) =>
    em.insertMany(Book, [{ id: book, title: 'b', author, tags: [tag] }]),
  'clone() of what is in two tables': (em) => em.clone(Robot, { id: 1 }),
  'nativeUpdate() with a pivot table': (em) =>
    em.nativeUpdate(Book, { id: old }, { title: 'new', tags: [tag] } as object),
}

test.each(Object.entries(calls))(
  '%s without a transaction says what became of all of it',
  async (_, call) => {
    await begin()
    const before = await contents()
    database.listen()
    await call(orm.em.fork())
    const { length } = database.statements
    expect(length).toBeGreaterThan(1)
    for (let place = 0; place < length; place++) {
      await begin()
      database.listen(place, 'down')
      const error = await call(orm.em.fork()).catch((failure: unknown) => failure)
      database.refuse(false)
      expect(error).toBeInstanceOf(DriverException)
      const nothingKept = (await contents()) === before
      const told = nothingKept ? ['rolled-back', 'not-sent', 'in-doubt'] : ['in-doubt']
      expect(told).toContain(diagnose(error)?.outcome)
      if (place === 0) expect(diagnose(error)?.outcome).toBe('rolled-back')
      if (!nothingKept) expect(diagnose(error)?.advice).toMatch('which part of this call')
    }
  },
)

test('in a transaction, the outcome is that of the transaction', async () => {
  await begin()
  const before = await contents()
  const work = orm.em.fork().transactional(async (em) => {
    await em.upsertMany(Animal, animals() as never, { batchSize: 1 })
    threeKinds(em)
  })
  database.listen(4, 'down')
  await expect(work).rejects.toMatchObject({ outcome: 'rolled-back' })
  database.refuse(false)
  expect(await contents()).toBe(before)
})
