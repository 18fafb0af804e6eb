import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { DataSource } from 'typeorm'
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  runOnTransactionCommit,
  StorageDriver,
  Transactional,
} from 'typeorm-transactional'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { RepriseSubscriber, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'
import { PersonSchema, Post, PostSchema } from './entities.ts'
import { killedAtEveryGap, Striker } from './gaps.ts'

let database: Database
let source: DataSource
let commits = 0

beforeAll(async () => {
  initializeTransactionalContext({ storageDriver: StorageDriver.ASYNC_LOCAL_STORAGE })
  database = await Database.create(inject('serverUrl'))
  source = new DataSource({
    type: 'postgres',
    url: database.url,
    poolSize: 2,
    synchronize: true,
    entities: [PersonSchema, PostSchema],
    subscribers: [RepriseSubscriber, Striker],
  })
  addTransactionalDataSource(source)
  await source.initialize()
})

afterAll(async () => {
  await source.destroy()
  await database.close()
})

class Posts {
  async write(): Promise<string> {
    const id = randomUUID()
    const posts = source.getRepository(Post)
    await posts.save(Object.assign(new Post(), { id, title: 'a' }))
    runOnTransactionCommit(() => {
      commits += 1
    })
    await posts.update({ id }, { title: 'b' })
    return id
  }
}
// The decorator by hand: it is no syntax that can be erased.
const descriptor = Object.getOwnPropertyDescriptor(Posts.prototype, 'write') as PropertyDescriptor
Object.defineProperty(
  Posts.prototype,
  'write',
  (Transactional()(Posts.prototype, 'write', descriptor) as unknown as PropertyDescriptor) ??
    descriptor,
)

test('@Transactional survives a kill before any of its statements, and commits once', async () => {
  const statements = await killedAtEveryGap(
    database,
    () => new Posts().write(),
    async (id) => {
      const rows = await database.sql('select title, version from post where id = $1', [id])
      expect(rows).toEqual([{ title: 'b', version: 2 }])
    },
  )
  expect(statements).toBeGreaterThan(4)
  expect(commits).toBe(statements + 1)
})

test('a rerunnable callback is run again beside it', async () => {
  let runs = 0
  await source.transaction(
    rerunnable(async (manager) => {
      await manager.query('select random()')
      if (++runs === 1) await database.killAll()
      await manager.query('select 1')
    }),
  )
  expect(runs).toBe(2)
})
