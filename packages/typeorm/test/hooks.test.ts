import { randomUUID } from 'node:crypto'
import { DataSource, type EntitySubscriberInterface, EventSubscriber } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { RepriseSubscriber } from '../src/index.ts'
import { Database } from './database.ts'
import { PersonSchema, Post, PostSchema } from './entities.ts'
import { killedAtEveryGap, Striker } from './gaps.ts'

const heard: string[] = []

class Listener implements EntitySubscriberInterface {
  beforeInsert(): void {
    heard.push('beforeInsert')
  }
  afterInsert(): void {
    heard.push('afterInsert')
  }
  beforeUpdate(): void {
    heard.push('beforeUpdate')
  }
  afterUpdate(): void {
    heard.push('afterUpdate')
  }
  beforeTransactionStart(): void {
    heard.push('beforeTransactionStart')
  }
  afterTransactionStart(): void {
    heard.push('afterTransactionStart')
  }
  beforeTransactionCommit(): void {
    heard.push('beforeTransactionCommit')
  }
  afterTransactionCommit(): void {
    heard.push('afterTransactionCommit')
  }
  afterTransactionRollback(): void {
    heard.push('afterTransactionRollback')
  }
}
EventSubscriber()(Listener)

let database: Database
let source: DataSource

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  source = await new DataSource({
    type: 'postgres',
    url: database.url,
    poolSize: 1,
    synchronize: true,
    entities: [PersonSchema, PostSchema],
    subscribers: [RepriseSubscriber, Listener, Striker],
  }).initialize()
})

afterAll(async () => {
  await source.destroy()
  await database.close()
})

test('subscribers hear of everything once, wherever the backend is killed', async () => {
  await killedAtEveryGap(
    database,
    async () => {
      heard.length = 0
      await source.transaction(async (manager) => {
        const post = await manager.save(Object.assign(new Post(), { id: randomUUID(), title: 'a' }))
        post.title = 'b'
        await manager.save(post)
      })
    },
    () =>
      expect(heard).toEqual([
        'beforeTransactionStart',
        'afterTransactionStart',
        'beforeInsert',
        'afterInsert',
        'beforeUpdate',
        'afterUpdate',
        'beforeTransactionCommit',
        'afterTransactionCommit',
      ]),
  )
})
