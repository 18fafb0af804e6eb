import { randomUUID } from 'node:crypto'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Action, Proxy as FaultProxy } from '../../../test/kit/index.ts'
import { RepriseSubscriber } from '../src/index.ts'
import { Database } from './database.ts'
import { Account, AccountSchema, PersonSchema, Post, PostSchema } from './entities.ts'

let database: Database
let proxy: FaultProxy
let source: DataSource

beforeAll(async () => {
  const url = inject('serverUrl')
  database = await Database.create(url)
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  source = await new DataSource({
    type: 'postgres',
    url: proxy.url(database.url),
    poolSize: 1,
    synchronize: true,
    entities: [AccountSchema, PersonSchema, PostSchema],
    subscribers: [RepriseSubscriber],
  }).initialize()
  await source.manager.save(Object.assign(new Account(), { id: 1, balance: 0 }))
})

afterAll(async () => {
  await source.destroy()
  await proxy.close()
  await database.close()
})

const works = {
  'a transaction': async (id: string): Promise<void> => {
    await source.transaction(async (manager) => {
      const account = await manager.findOneByOrFail(Account, { id: 1 })
      account.balance += 1
      await manager.save(account)
      await manager.insert(Post, { id, title: 'frames' })
    })
  },
  'save() and its own transaction': async (id: string): Promise<void> => {
    await source.manager.save(Object.assign(new Post(), { id, title: 'frames' }))
    const [account] = await source.manager.findBy(Account, { id: 1 })
    await source.manager.save(Object.assign(account as Account, { balance: account!.balance + 1 }))
  },
}

const faults: Record<string, () => Action | Promise<Action>> = {
  'a reset': () => 'reset',
  'a FIN': () => 'cut',
  'a reset after its delivery': () => 'pass-then-reset',
  'a terminated backend': async (): Promise<Action> => {
    await database.killAll()
    return 'pass'
  },
}

/** Does the work with a fault at the nth frame that passes, from 0; returns how many passed. */
async function doWith(
  work: (id: string) => Promise<void>,
  id: string,
  n: number,
  fault: () => Action | Promise<Action>,
): Promise<number> {
  let frames = 0
  const stop = proxy.onFrame(() => (frames++ === n ? fault() : 'pass'))
  try {
    await work(id)
    return frames
  } finally {
    stop()
  }
}

const scenarios = [
  ...Object.keys(faults).map((fault) => ['a transaction', fault] as const),
  ['save() and its own transaction', 'a reset'],
  ['save() and its own transaction', 'a terminated backend'],
] as const

test.each(scenarios)(
  '%s is done exactly once, at whatever frame there is %s',
  async (what, how) => {
    const work = works[what]
    const fault = faults[how]!
    const frames = await doWith(work, randomUUID(), -1, fault)
    expect(frames).toBeGreaterThan(20)
    for (let n = 0; n < frames; n++) {
      const id = randomUUID()
      const [before] = await database.sql('select balance, version from account')
      await doWith(work, id, n, fault)
      expect(await database.sql('select title, version from post where id = $1', [id])).toEqual([
        { title: 'frames', version: 1 },
      ])
      expect(await database.sql('select balance, version from account')).toEqual([
        { balance: Number(before?.balance) + 1, version: Number(before?.version) + 1 },
      ])
    }
  },
)
