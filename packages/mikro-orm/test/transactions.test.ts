import { randomUUID } from 'node:crypto'
import { Transactional as EsTransactional } from '@mikro-orm/decorators/es'
import { Transactional as LegacyTransactional } from '@mikro-orm/decorators/legacy'
import {
  type EntityManager,
  type MikroORM,
  RequestContext,
  TransactionPropagation,
} from '@mikro-orm/postgresql'
import { afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { Account, open, Transfer } from './account.ts'
import { Database } from './database.ts'

let database: Database
let orm: MikroORM

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  return () => database[Symbol.asyncDispose]()
})

beforeEach(async () => {
  orm = await open(database)
})

afterEach(() => orm?.close())

const tokens = async (): Promise<unknown[]> =>
  (await database.sql('select token from transfer order by amount')).map(({ token }) => token)
const balanceOf = async (id: number): Promise<unknown> =>
  (await database.sql('select balance from account where id = $1', [id]))[0]?.balance

/** Reads, loses the connection, and writes: a transaction is open on it, or not. */
async function work(em: EntityManager, token: string, amount = 1): Promise<void> {
  const account = await em.findOneOrFail(Account, 1)
  expect(await database.killAll()).toBeGreaterThan(0)
  account.balance += amount
  em.create(Transfer, { token, amount })
  await em.flush()
}

describe('em.transactional outlives its backend', () => {
  test.each(Object.values(TransactionPropagation))(
    'with propagation %s, inside a transaction',
    async (propagation) => {
      const [outer, inner] = [randomUUID(), randomUUID()]
      const em = orm.em.fork()
      const run = em.transactional(async (tx) => {
        await work(tx, outer, 1)
        await tx.transactional(
          async (nested) => {
            nested.create(Transfer, { token: inner, amount: 2 })
            await nested.flush()
            await database.killAll()
          },
          { propagation },
        )
        await database.killAll()
      })
      if (propagation === 'never') {
        await expect(run).rejects.toThrow(/Existing transaction/i)
        expect(await tokens()).toEqual([])
      } else {
        await run
        expect(await tokens()).toEqual([outer, inner])
        expect(await balanceOf(1)).toBe(1001)
      }
    },
  )

  test.each(Object.values(TransactionPropagation))(
    'with propagation %s, on its own',
    async (propagation) => {
      const token = randomUUID()
      const run = orm.em.fork().transactional((em) => work(em, token), { propagation })
      if (propagation === 'mandatory') await expect(run).rejects.toThrow(/No existing transaction/)
      else {
        await run
        expect(await tokens()).toEqual([token])
        expect(await balanceOf(1)).toBe(1001)
      }
    },
  )

  test('and so do its savepoints, released and rolled back', async () => {
    const [kept, dropped, last] = [randomUUID(), randomUUID(), randomUUID()]
    await orm.em.fork().transactional(async (em) => {
      await em.transactional(async (inner) => {
        inner.create(Transfer, { token: kept, amount: 1 })
      })
      await database.killAll()
      await em
        .transactional(async (inner) => {
          inner.create(Transfer, { token: dropped, amount: 2 })
          await inner.flush()
          await database.killAll()
          throw new Error('not this one')
        })
        .catch(() => {})
      await database.killAll()
      em.create(Transfer, { token: last, amount: 3 })
    })
    expect(await tokens()).toEqual([kept, last])
  })

  test('with an isolation level, and read only', async () => {
    await orm.em.fork().transactional(
      async (em) => {
        await em.findOneOrFail(Account, 1)
        await database.killAll()
        expect(await em.execute('show transaction_isolation')).toEqual([
          { transaction_isolation: 'serializable' },
        ])
        expect(await em.execute('show transaction_read_only')).toEqual([
          { transaction_read_only: 'on' },
        ])
      },
      { isolationLevel: 'serializable', readOnly: true },
    )
  })
})

test('em.begin, em.commit and em.rollback outlive their backends', async () => {
  const [kept, dropped] = [randomUUID(), randomUUID()]
  const em = orm.em.fork()
  await em.begin()
  await work(em, kept)
  await database.killAll()
  await em.commit()
  expect(em.isInTransaction()).toBe(false)

  await em.begin()
  em.create(Transfer, { token: dropped, amount: 2 })
  await em.flush()
  await database.killAll()
  await em.rollback()
  expect(em.isInTransaction()).toBe(false)
  expect(await tokens()).toEqual([kept])
})

test('em.execute, the query builder and native queries outlive their backend', async () => {
  const em = orm.em.fork()
  await em.execute('select 1')
  await database.killAll()
  expect(await em.execute('select 2 as two')).toEqual([{ two: 2 }])
  await database.killAll()
  await em.qb(Account).update({ balance: 7 }).where({ id: 2 }).execute()
  expect(await balanceOf(2)).toBe(7)
  await database.killAll()
  expect(await em.nativeUpdate(Account, { id: 2 }, { balance: 8 })).toBe(1)
  await database.killAll()
  expect(await em.qb(Account).select('balance').where({ id: 2 }).execute()).toMatchObject([
    { balance: 8 },
  ])
  await database.killAll()
  await em.insert(Transfer, { token: randomUUID(), amount: 1 })
  await database.killAll()
  expect(await em.count(Transfer)).toBe(1)
})

test('a stream starts over a lost connection', async () => {
  const em = orm.em.fork()
  await em.execute('select 1')
  await database.killAll()
  const ids: number[] = []
  for await (const { id } of em.stream(Account, { orderBy: { id: 1 } })) ids.push(id)
  expect(ids).toEqual([1, 2])
})

test('a stream that loses its connection ends with an error, and nothing hangs', async () => {
  await database.sql('insert into account select id, 0 from generate_series(3, 3000) id')
  const em = orm.em.fork()
  const read = async (): Promise<void> => {
    let rows = 0
    for await (const _ of em.stream(Account, {})) if (++rows === 1) await database.killAll()
  }
  await expect(read()).rejects.toMatchObject({ outcome: 'rolled-back' })
  expect(await em.count(Account)).toBe(3000)
})

test('a request context outlives its backend', async () => {
  const token = randomUUID()
  await RequestContext.create(orm.em, () =>
    orm.em.transactional((em) => work(em as EntityManager, token)),
  )
  await RequestContext.create(orm.em, async () => {
    const account = await orm.em.findOneOrFail(Account, 2)
    await database.killAll()
    account.balance = 5
    await orm.em.flush()
  })
  expect(await tokens()).toEqual([token])
  expect(await balanceOf(2)).toBe(5)
})

describe('@Transactional outlives its backend', () => {
  class Service {
    readonly em: EntityManager
    constructor(em: EntityManager) {
      this.em = em
    }
    async pay(token: string): Promise<void> {
      await work(orm.em as EntityManager, token)
    }
  }

  test('as a legacy decorator', async () => {
    class Legacy extends Service {}
    const descriptor = Object.getOwnPropertyDescriptor(Service.prototype, 'pay')!
    LegacyTransactional()(Legacy.prototype, 'pay', descriptor)
    Object.defineProperty(Legacy.prototype, 'pay', descriptor)
    const token = randomUUID()
    await new Legacy(orm.em.fork()).pay(token)
    expect(await tokens()).toEqual([token])
  })

  test('as an ECMAScript decorator', async () => {
    class Modern extends Service {}
    const context = {
      kind: 'method',
      name: 'pay',
    } as unknown as ClassMethodDecoratorContext<object>
    Modern.prototype.pay = EsTransactional()(Service.prototype.pay, context) as Service['pay']
    const token = randomUUID()
    await new Modern(orm.em.fork()).pay(token)
    expect(await tokens()).toEqual([token])
  })
})
