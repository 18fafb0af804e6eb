import { defineEntity, MikroORM, p } from '@mikro-orm/postgresql'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { reprise } from '../src/index.ts'
import { Database, faults } from './database.ts'

/** What the server makes up: the id, and the time. */
const Note = defineEntity({
  name: 'Note',
  properties: {
    id: p.integer().primary(),
    text: p.string(),
    at: p.datetime(6).defaultRaw('now()'),
  },
})

let database: Database
let orm: MikroORM

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  orm = await MikroORM.init(
    reprise({ clientUrl: database.url, entities: [Note], pool: { max: 1 } }),
  )
  await orm.schema.create()
})

afterAll(async () => {
  await orm?.close()
  await database?.[Symbol.asyncDispose]()
})

test.each(faults)(
  'serial ids and default times stay what memory says they are (%s)',
  async (fault) => {
    for (let place = 0; place < 3; place++) {
      const em = orm.em.fork()
      const notes = ['one', 'two'].map((text) => em.create(Note, { text }))
      database.listen(place, fault)
      await em.flush()
      expect(database.struck).toBe(true)
      for (const { id, text, at } of notes) {
        expect(await orm.em.fork().findOneOrFail(Note, id)).toMatchObject({ id, text, at })
      }
      database.listen()
      await em.flush()
      expect(database.statements).toEqual([])
    }
  },
)
