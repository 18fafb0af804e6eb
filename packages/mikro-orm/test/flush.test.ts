import { randomUUID } from 'node:crypto'
import {
  type EntityManager,
  type EventArgs,
  type EventSubscriber,
  MikroORM,
  wrap,
} from '@mikro-orm/postgresql'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { reprise } from '../src/index.ts'
import { Database, faults } from './database.ts'
import { Animal, Author, Book, Car, Dog, entities, Tag, Vehicle } from './entities.ts'

const hooks: string[] = []

class Hooks implements EventSubscriber {
  afterCreate({ entity }: EventArgs<object>): void {
    hooks.push(`create ${entity.constructor.name}`)
  }
  afterUpdate({ entity }: EventArgs<object>): void {
    hooks.push(`update ${entity.constructor.name}`)
  }
  afterDelete({ entity }: EventArgs<object>): void {
    hooks.push(`delete ${entity.constructor.name}`)
  }
}

let database: Database
let orm: MikroORM

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  orm = await MikroORM.init(
    reprise({
      clientUrl: database.url,
      entities,
      subscribers: [Hooks],
      pool: { max: 1 },
      debug: ['info'],
      logger: () => {},
    }),
  )
  await orm.schema.create()
})

afterAll(async () => {
  await orm?.close()
  await database?.[Symbol.asyncDispose]()
})

const a = randomUUID()
const [b1, b2, b3] = [randomUUID(), randomUUID(), randomUUID()]
const [t1, t2] = [randomUUID(), randomUUID()]
const dog = randomUUID()
const car = randomUUID()

/** What is in every table before a change. */
async function begin(): Promise<void> {
  const em = orm.em.fork()
  await database.sql('truncate author, book, book_tags, tag, animal, vehicle, car')
  const author = em.create(Author, { id: a, name: 'A', address: { street: 's', city: 'c' } })
  const tags = [em.create(Tag, { id: t1, name: 't1' }), em.create(Tag, { id: t2, name: 't2' })]
  em.create(Book, { id: b1, title: 'b1', author, tags: [tags[0]!] })
  em.create(Book, { id: b2, title: 'b2', author, tags })
  em.create(Dog, { id: dog, name: 'D', trick: 'sit' })
  em.create(Car, { id: car, wheels: 4, doors: 3 })
  await em.flush()
}

const load = (em: EntityManager) => em.findOneOrFail(Author, a, { populate: ['books.tags'] })

/** Everything there is, as an entity manager sees it. */
async function everything(em: EntityManager): Promise<unknown> {
  const orderBy = { id: 1 } as const
  const authors = await em.find(Author, {}, { populate: ['books.tags'], orderBy })
  const tags = await em.find(Tag, {}, { orderBy })
  const animals = await em.find(Animal, {}, { orderBy })
  const vehicles = await em.find(Vehicle, {}, { orderBy })
  const byName = (x: string, y: string): number => (x < y ? -1 : 1)
  return {
    authors: authors.map(({ id, name, version, address, books }) => ({
      ...{ id, name, version, street: address.street, city: address.city },
      books: books
        .getItems()
        .map((book) => {
          const names = book.tags.getItems().map((tag) => tag.name)
          return [book.id, book.title, book.author.id, ...names.sort(byName)].join(' ')
        })
        .sort(byName),
    })),
    tags: tags.map(({ id, name }) => ({ id, name })),
    animals: animals.map((animal) => ({ ...wrap(animal).toPOJO() })),
    vehicles: vehicles.map((vehicle) => ({ ...wrap(vehicle).toPOJO() })),
  }
}

const changes: Record<string, (em: EntityManager) => Promise<void>> = {
  async 'an insert with an embedded object'(em) {
    em.create(Author, { id: randomUUID(), name: 'B', address: { street: 'x', city: 'y' } })
  },
  async 'an update of a versioned entity and its embedded object'(em) {
    const author = await load(em)
    author.name = 'A2'
    author.address.city = 'c2'
  },
  async 'a removal'(em) {
    em.remove(await em.findOneOrFail(Tag, t1))
    for (const book of await em.find(Book, {}, { populate: ['tags'] })) {
      book.tags.remove((tag) => tag.id === t1)
    }
  },
  async 'an orphan removal'(em) {
    const author = await load(em)
    author.books.remove((book) => book.id === b1)
  },
  async 'a many-to-many collection'(em) {
    const author = await load(em)
    const [first, second] = author.books.getItems().sort((x, y) => (x.title < y.title ? -1 : 1))
    first?.tags.add(em.getReference(Tag, t2))
    second?.tags.removeAll()
  },
  async 'single-table inheritance'(em) {
    em.create(Dog, { id: randomUUID(), name: 'E', trick: 'roll' })
    const found = await em.findOneOrFail(Dog, dog)
    found.trick = 'beg'
  },
  async 'table-per-type inheritance'(em) {
    em.create(Car, { id: randomUUID(), wheels: 3, doors: 2 })
    const found = await em.findOneOrFail(Car, car)
    found.wheels = 6
    found.doors = 5
  },
  async 'all at once'(em) {
    const author = await load(em)
    author.name = 'A3'
    author.books.remove((book) => book.id === b2)
    const book = em.create(Book, { id: b3, title: 'b3', author })
    book.tags.add(em.create(Tag, { id: randomUUID(), name: 't3' }))
    em.remove(await em.findOneOrFail(Dog, dog))
    em.create(Car, { id: randomUUID(), wheels: 1, doors: 0 })
  },
}

describe.each(Object.keys(changes))('%s', (name) => {
  const change = changes[name] as (em: EntityManager) => Promise<void>

  test.each(faults)(
    'a flush that loses its connection at any statement (%s) is mended',
    async (fault) => {
      const run = async (place?: number): Promise<string[]> => {
        await begin()
        const em = orm.em.fork()
        await change(em)
        hooks.length = 0
        database.listen(place, fault)
        await em.flush()
        const ran = [...hooks]
        const { struck } = database

        database.listen()
        await em.flush()
        expect(database.statements, `place ${place}: the next flush has nothing to do`).toEqual([])
        const inMemory = await everything(em)
        expect(inMemory, `place ${place}: memory is what is in the database`).toEqual(
          await everything(orm.em.fork()),
        )
        expect(struck, `place ${place}`).toBe(place !== undefined)
        return ran
      }
      const expected = await run()
      const count = await countOf(change)
      expect(count).toBeGreaterThan(2)
      for (let place = 0; place < count; place++) {
        expect(await run(place), `place ${place}: hooks ran once`).toEqual(expected)
      }
    },
  )
})

/** How many statements the flush of a change sends. */
async function countOf(change: (em: EntityManager) => Promise<void>): Promise<number> {
  await begin()
  const em = orm.em.fork()
  await change(em)
  database.listen()
  await em.flush()
  return database.statements.length
}
