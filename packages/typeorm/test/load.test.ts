import { randomUUID } from 'node:crypto'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Proxy as FaultProxy } from '../../../test/kit/index.ts'
import { reprise, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'
import { Account, AccountSchema, PersonSchema, Post, PostSchema } from './entities.ts'
import { load, summary } from './load.ts'

let database: Database
let proxy: FaultProxy
let source: DataSource

beforeAll(async () => {
  const url = inject('serverUrl')
  database = await Database.create(url)
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  source = await new DataSource(
    reprise({
      type: 'postgres',
      url: proxy.url(database.url),
      poolSize: 4,
      synchronize: true,
      entities: [AccountSchema, PersonSchema, PostSchema],
    }),
  ).initialize()
})

afterAll(async () => {
  await source.destroy()
  await proxy.close()
  await database.close()
})

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)

test.for(['kill', 'cut'] as const)(
  'under a load with a %s every few milliseconds no work fails, and each entity equals its row',
  { timeout: 120_000 },
  async (fault, { annotate }) => {
    await database.sql('truncate post cascade')
    const run = await load(fault, database, proxy, () =>
      source.transaction(async (manager) => {
        const post = await manager.save(Object.assign(new Post(), { id: randomUUID(), title: 'a' }))
        post.title = 'b'
        return manager.save(post)
      }),
    )
    await annotate(summary(run))
    expect(run.failures).toEqual([])
    const rows = await database.sql('select id, title, version from post order by id::text')
    expect(rows).toEqual(run.results.map((post) => ({ ...post })).sort(byId))
    expect(run.faults).toBeGreaterThan(10)
  },
)

test('rows that everybody wants are changed exactly once each, where the callback may be run again', async ({
  annotate,
}) => {
  await source.manager.save([1, 2].map((id) => Object.assign(new Account(), { id, balance: 0 })))
  const run = await load('kill', database, proxy, () =>
    source.transaction(
      rerunnable(async (manager) => {
        for (const id of [1, 2]) {
          const account = await manager.findOneOrFail(Account, {
            where: { id },
            lock: { mode: 'pessimistic_write' },
          })
          account.balance += 1
          await manager.save(account)
        }
      }),
    ),
  )
  await annotate(summary(run))
  expect(run.failures).toEqual([])
  const n = run.results.length
  expect(await database.sql('select * from account order by id')).toEqual([
    { id: 1, balance: n, version: n + 1 },
    { id: 2, balance: n, version: n + 1 },
  ])
}, 120_000)
