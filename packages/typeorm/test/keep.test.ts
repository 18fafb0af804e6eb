import { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Proxy as FaultProxy } from '../../../test/kit/index.ts'
import { reprise } from '../src/index.ts'
import { Database } from './database.ts'
import { Order, OrderSchema } from './entities.ts'
import { killedAtEveryGap, Striker } from './gaps.ts'
import { load, summary } from './load.ts'

/*
 * Serial ids, uuids, creation and update dates are drawn anew by a transaction that is executed
 * again: all of this rests on the session giving it the values that the application has seen.
 */

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
      entities: [OrderSchema],
      subscribers: [Striker],
    }),
  ).initialize()
})

afterAll(async () => {
  await source.destroy()
  await proxy.close()
  await database.close()
})

const draft = (note: string): Order => Object.assign(new Order(), { note })

async function expectAsInDatabase(order: Order): Promise<void> {
  const rows = await database.sql('select * from "order" where id = $1', [order.id])
  expect(rows).toEqual([{ ...order, deletedAt: order.deletedAt ?? null }])
}

test('serial ids, uuids, dates and versions of a saved entity equal its row, wherever the backend is killed', async () => {
  await killedAtEveryGap(
    database,
    async () => {
      const order = await source.manager.save(draft('first'))
      order.note = 'second'
      return source.manager.save(order)
    },
    async (order) => {
      expect(order.version).toBe(2)
      await expectAsInDatabase(order)
    },
  )
})

test('so do many that are saved in one transaction, and found in it again', async () => {
  await killedAtEveryGap(
    database,
    () =>
      source.transaction(async (manager) => {
        const orders = await manager.save([draft('a'), draft('b'), draft('c')])
        orders[1]!.note = 'changed'
        await manager.save(orders)
        return [
          orders,
          await manager.findBy(
            Order,
            orders.map(({ id }) => ({ id })),
          ),
        ] as const
      }),
    async ([orders, found]) => {
      for (const order of [...orders, ...found]) await expectAsInDatabase(order)
    },
  )
})

test('softRemove() and recover() survive a kill before any of their statements', async () => {
  await killedAtEveryGap(
    database,
    () =>
      source.transaction(async (manager) => {
        const order = await manager.save(draft('soft'))
        await manager.softRemove(order)
        expect(await manager.countBy(Order, { id: order.id })).toBe(0)
        await manager.recover(order)
        return manager.softRemove(order)
      }),
    async (order) => {
      expect(order.deletedAt).toBeInstanceOf(Date)
      await expectAsInDatabase(order)
    },
  )
})

test.for(['kill', 'cut'] as const)(
  'under a load with a %s every few milliseconds each entity equals its row',
  { timeout: 120_000 },
  async (fault, { annotate }) => {
    const [last] = await database.sql('select coalesce(max(id), 0) as id from "order"')
    const run = await load(fault, database, proxy, () =>
      source.transaction(async (manager) => {
        const order = await manager.save(draft('load'))
        order.note = 'changed'
        return manager.save(order)
      }),
    )
    await annotate(summary(run))
    expect(run.failures.length).toBe(0)
    const rows = await database.sql('select * from "order" where id > $1 order by id', [last?.id])
    const orders = run.results.sort((a, b) => a.id - b.id)
    expect(rows).toEqual(orders.map((order) => ({ ...order, deletedAt: null })))
    expect(run.faults).toBeGreaterThan(10)
  },
)
