import { randomUUID } from 'node:crypto'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { RepriseSubscriber } from '../src/index.ts'
import { Database } from './database.ts'
import { Account, AccountSchema, Person, PersonSchema, Post, PostSchema } from './entities.ts'
import { killedAtEveryGap, Striker } from './gaps.ts'

let database: Database
let source: DataSource

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  source = new DataSource({
    type: 'postgres',
    url: database.url,
    poolSize: 2,
    synchronize: true,
    entities: [PersonSchema, PostSchema, AccountSchema],
    subscribers: [RepriseSubscriber, Striker],
  })
  await source.initialize()
})

afterAll(async () => {
  await source.destroy()
  await database.close()
})

function somebody(posts: number): Person {
  const person = new Person()
  person.id = randomUUID()
  person.name = 'Ada'
  person.address = { street: 'Main Street', city: 'London' }
  person.posts = Array.from({ length: posts }, (_, i) =>
    Object.assign(new Post(), { id: randomUUID(), title: `post ${i}` }),
  )
  return person
}

/** The rows of a person and of the posts, as the database has them. */
async function rowsOf(person: Person): Promise<unknown> {
  const [row] = await database.sql('select * from person where id = $1', [person.id])
  const posts = await database.sql(
    'select id, title, version from post where "authorId" = $1 order by id',
    [person.id],
  )
  return row && { ...row, posts }
}

/** The same of the entity. */
function rowsIn({ id, name, version, address, posts = [] }: Person): unknown {
  const rows = posts.map((post) => ({ id: post.id, title: post.title, version: post.version }))
  return {
    id,
    name,
    version,
    address_Street: address.street,
    address_City: address.city,
    posts: rows.sort((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

test('save() with cascades survives a kill before any of its statements, and the entities equal their rows', async () => {
  const statements = await killedAtEveryGap(
    database,
    () => source.manager.save(somebody(2)),
    async (person) => expect(rowsIn(person)).toEqual(await rowsOf(person)),
  )
  expect(statements).toBeGreaterThan(5)
})

test('an update through save() survives a kill before any of its statements, with the right version', async () => {
  await killedAtEveryGap(
    database,
    async () => {
      const person = await source.manager.save(somebody(1))
      person.name = 'Grace'
      person.address.city = 'Arlington'
      person.posts?.push(Object.assign(new Post(), { id: randomUUID(), title: 'second' }))
      return source.manager.save(person)
    },
    async (person) => {
      expect(person.version).toBe(2)
      expect(rowsIn(person)).toEqual(await rowsOf(person))
    },
  )
})

test('remove() survives a kill before any of its statements', async () => {
  await killedAtEveryGap(
    database,
    async () => {
      const person = await source.manager.save(somebody(1))
      const { id } = person
      await source.manager.remove(person)
      return id
    },
    async (id) =>
      expect(await database.sql('select 1 from person where id = $1', [id])).toEqual([]),
  )
})

test('transaction() with find, save, update, delete and a query builder survives a kill before any of its statements', async () => {
  const statements = await killedAtEveryGap(
    database,
    () =>
      source.transaction(async (manager) => {
        const person = await manager.save(somebody(2))
        const [first, second] = person.posts as [Post, Post]
        await manager.update(Post, { id: first.id }, { title: 'changed' })
        await manager.delete(Post, { id: second.id })
        await manager
          .createQueryBuilder()
          .update(Person)
          .set({ name: 'Barbara' })
          .where('id = :id', { id: person.id })
          .execute()
        return manager.findOneOrFail(Person, {
          where: { id: person.id },
          relations: { posts: true },
        })
      }),
    async (person) => {
      expect(person).toMatchObject({ name: 'Barbara', posts: [{ title: 'changed' }] })
      expect(rowsIn(person)).toEqual(await rowsOf(person))
    },
  )
  expect(statements).toBeGreaterThan(10)
})

test('an isolation level survives with its transaction', async () => {
  await killedAtEveryGap(
    database,
    () =>
      source.transaction('SERIALIZABLE', async (manager) => {
        await manager.save(somebody(0))
        return manager.query('show transaction_isolation')
      }),
    (rows) => expect(rows).toEqual([{ transaction_isolation: 'serializable' }]),
  )
})

test('a manual query runner with nested savepoints survives a kill before any of its statements', async () => {
  await killedAtEveryGap(
    database,
    async () => {
      const ids = [randomUUID(), randomUUID(), randomUUID()]
      const runner = source.createQueryRunner()
      const insert = (id: string | undefined) =>
        runner.manager.insert(Post, { id: id as string, title: 'manual' })
      try {
        await runner.startTransaction()
        await insert(ids[0])
        await runner.startTransaction()
        await insert(ids[1])
        // a statement that fails is part of the story, too
        await expect(insert(ids[1])).rejects.toMatchObject({ code: '23505' })
        await runner.rollbackTransaction()
        await runner.startTransaction()
        await insert(ids[2])
        await runner.commitTransaction()
        await runner.commitTransaction()
      } finally {
        await runner.release()
      }
      return ids
    },
    async (ids) => {
      const rows = await database.sql('select id from post where id = any ($1)', [ids])
      expect(new Set(rows.map(({ id }) => id))).toEqual(new Set([ids[0], ids[2]]))
    },
  )
})

test('a manual rollback keeps nothing, wherever the backend is killed', async () => {
  await killedAtEveryGap(
    database,
    async () => {
      const id = randomUUID()
      await using runner = source.createQueryRunner()
      await runner.startTransaction()
      await runner.manager.insert(Post, { id, title: 'never' })
      await runner.rollbackTransaction()
      return id
    },
    async (id) => expect(await database.sql('select 1 from post where id = $1', [id])).toEqual([]),
  )
})

test('repositories, custom repositories and BaseEntity survive a kill before any of their statements', async () => {
  let next = 0
  const accounts = source.getRepository(Account).extend({
    async open(id: number): Promise<Account> {
      return this.save(this.create({ id, balance: 10 }))
    },
  })
  await killedAtEveryGap(
    database,
    async () => {
      next += 1
      const account = await accounts.open(next)
      await accounts.increment({ id: next }, 'balance', 5)
      await account.reload()
      account.balance += 1
      await account.save()
      return source.transaction(async (manager) => {
        const repository = manager.withRepository(accounts)
        await repository.decrement({ id: next }, 'balance', 2)
        return repository.findOneByOrFail({ id: next })
      })
    },
    async (account) => {
      const rows = await database.sql('select * from account where id = $1', [account.id])
      expect(rows).toEqual([{ ...account }])
      expect(account.balance).toBe(14)
    },
  )
})

test('autocommit statements of the query builder run once, wherever the backend is killed', async () => {
  await killedAtEveryGap(
    database,
    async () => {
      const id = randomUUID()
      const posts = source.getRepository(Post)
      await posts.createQueryBuilder().insert().values({ id, title: 'a' }).execute()
      await posts
        .createQueryBuilder()
        .update()
        .set({ title: () => "title || 'b'" })
        .where({ id })
        .execute()
      return posts.createQueryBuilder('post').where({ id }).getOneOrFail()
    },
    (post) => expect(post.title).toBe('ab'),
  )
})

test('many callers at once, each on a connection that is killed again and again, leave an exact ledger', async () => {
  await source.manager.save(
    [1, 2, 3, 4].map((i) => Object.assign(new Account(), { id: 1000 + i, balance: 100 })),
  )
  let done = false
  let kills = 0
  const transfers = [0, 0, 0, 0]
  const workers = [1, 2, 3, 4].map(async (worker) => {
    for (let i = 0; i < 50 || kills <= 5; i++) {
      transfers[worker - 1] = i + 1
      const [from, to] = [1000 + worker, 1000 + (worker % 4) + 1].sort() as [number, number]
      await source.transaction(async (manager) => {
        await manager.decrement(Account, { id: from }, 'balance', 1)
        await manager.increment(Account, { id: to }, 'balance', 1)
        await manager.insert(Post, { id: randomUUID(), title: `transfer ${worker} ${i}` })
      })
    }
  })
  const killing = (async () => {
    do kills += await database.killAll()
    while (!done)
  })()
  await Promise.all(workers).finally(() => {
    done = true
  })
  await killing
  expect(kills).toBeGreaterThan(5)
  const expected = transfers.reduce((sum, count) => sum + count, 0)
  const rows = await database.sql("select title from post where title like 'transfer%'")
  expect(rows).toHaveLength(expected)
  expect(new Set(rows.map(({ title }) => title)).size).toBe(expected)
  const [sum] = await database.sql('select sum(balance)::int as total from account where id > 1000')
  expect(sum).toEqual({ total: 400 })
})
