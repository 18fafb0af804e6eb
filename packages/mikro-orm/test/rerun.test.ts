import { randomUUID } from 'node:crypto'
import { EntityManager, type MikroORM } from '@mikro-orm/postgresql'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { rerunnable } from '../src/index.ts'
import { Account, open, Transfer } from './account.ts'
import { Database } from './database.ts'

let database: Database
let orm: MikroORM
let runs: number
let token: string

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  orm = await open(database)
})

afterAll(async () => {
  await orm?.close()
  await database?.[Symbol.asyncDispose]()
})

beforeEach(async () => {
  runs = 0
  token = randomUUID()
  await database.sql('update account set balance = 1000, version = 1')
})

const balanceOf = async (id: number): Promise<unknown> =>
  (await database.sql('select balance from account where id = $1', [id]))[0]?.balance
const times = async (): Promise<number> =>
  (await database.sql('select 1 from transfer where token = $1', [token])).length

/** Its first run is lost, and what it read will never be read again, so it diverges. */
async function diverging(em: EntityManager): Promise<number> {
  runs++
  await em.execute('select random()')
  const account = await em.findOneOrFail(Account, 1)
  account.balance -= 10
  em.create(Transfer, { token, amount: 10 })
  await em.flush()
  if (runs === 1) await database.killAll()
  return runs
}

describe('a rerunnable callback is run again', () => {
  test('on a new fork', async () => {
    const em = orm.em.fork()
    expect(await em.transactional(rerunnable(diverging))).toBe(2)
    expect(await balanceOf(1)).toBe(990)
    expect(await times()).toBe(1)
    const account = await em.findOneOrFail(Account, 1)
    expect(account).toMatchObject({ balance: 990, version: 2 })
    account.balance = 1
    await em.flush()
    expect(await balanceOf(1)).toBe(1)
  })

  test('on the global EntityManager', async () => {
    expect(await orm.em.transactional(rerunnable((em) => diverging(em as EntityManager)))).toBe(2)
    expect(await balanceOf(1)).toBe(990)
  })

  test('with clear: true, and the entities of the run that was kept are handed over', async () => {
    const em = orm.em.fork()
    const mine = await em.findOneOrFail(Account, 1)
    const other = await em.findOneOrFail(Account, 2)
    const doomed = em.create(Transfer, { token: randomUUID(), amount: 1 })
    await em.flush()
    const run = rerunnable(async (tx: EntityManager) => {
      tx.remove(await tx.findOneOrFail(Transfer, doomed.token))
      return diverging(tx)
    })
    expect(await em.transactional(run, { clear: true })).toBe(2)
    expect(await em.findOneOrFail(Account, 1)).toBe(mine)
    expect(mine).toMatchObject({ balance: 990, version: 2 })
    expect(await em.findOne(Transfer, doomed.token)).toBeNull()
    other.balance = 3
    mine.balance = 4
    await em.flush()
    expect([await balanceOf(1), await balanceOf(2), await times()]).toEqual([4, 3, 1])
  })

  test('as a new transaction inside another', async () => {
    await orm.em.fork().transactional(async (em) => {
      await em.findOneOrFail(Account, 2)
      const kept = await em.transactional(rerunnable(diverging as never), {
        propagation: 'requires_new',
        clear: true,
      })
      expect(kept).toBe(2)
    })
    expect(await balanceOf(1)).toBe(990)
  })

  test('for a conflict that the server reports', async () => {
    const run = rerunnable(async (em: EntityManager) => {
      runs++
      const account = await em.findOneOrFail(Account, 1)
      if (runs === 1) await database.sql('update account set balance = balance + 1 where id = 1')
      account.balance += 10
    })
    await orm.em.fork().transactional(run, { isolationLevel: 'repeatable read' })
    expect(runs).toBe(2)
    expect(await balanceOf(1)).toBe(1011)
  })
})

test('what is created without a transaction is still there to be flushed', async () => {
  const em = orm.em.fork({ disableTransactions: true })
  await em.findOneOrFail(Account, 1)
  const run = rerunnable(async (inner: EntityManager) => {
    inner.create(Transfer, { token, amount: 1 })
  })
  await em.transactional(run, { clear: true })
  await em.flush()
  expect(await times()).toBe(1)
})

describe('a callback is not run again', () => {
  test('that was not declared rerunnable', async () => {
    const error = await orm.em
      .fork()
      .transactional((tx) => diverging(tx))
      .catch((failure) => failure)
    expect(error).toMatchObject({ outcome: 'rolled-back', code: '40001' })
    expect(runs).toBe(1)
    expect([await balanceOf(1), await times()]).toEqual([1000, 0])
  })

  test('on an EntityManager that holds entities, and the error advises to clear it', async () => {
    const em = orm.em.fork()
    await em.findOneOrFail(Account, 2)
    const error = await em.transactional(rerunnable(diverging)).catch((failure) => failure)
    expect(error).toMatchObject({ outcome: 'rolled-back', code: '40001' })
    expect(error.advice).toContain('em.clear()')
    expect(runs).toBe(1)
    expect([await balanceOf(1), await times()]).toEqual([1000, 0])
    await expect(em.transactional(rerunnable(diverging))).rejects.toThrow(/em\.clear\(\)/)
    em.clear()
    expect(await em.transactional(rerunnable(diverging))).toBe(2)
    expect([await balanceOf(1), await times()]).toEqual([990, 1])
  })

  test('that joined a transaction: the one who began it owns that', async () => {
    let outer = 0
    const run = rerunnable(async (em: EntityManager) => {
      outer++
      await em.transactional(rerunnable(diverging))
    })
    await orm.em.fork().transactional(run)
    expect([outer, runs]).toEqual([2, 2])
    expect([await balanceOf(1), await times()]).toEqual([990, 1])
  })

  test.each(['not_supported', 'supports', 'never'] as const)(
    'whose statements commit one by one (%s)',
    async (propagation) => {
      const run = rerunnable(async () => {
        runs++
        throw Object.assign(new Error('as if lost'), { code: '40001', outcome: 'rolled-back' })
      })
      await expect(orm.em.fork().transactional(run, { propagation })).rejects.toThrow('as if lost')
      expect(runs).toBe(1)
    },
  )

  test('on a fork without transactions', async () => {
    const run = rerunnable(async () => {
      runs++
      throw Object.assign(new Error('as if lost'), { code: '40001', outcome: 'rolled-back' })
    })
    const em = orm.em.fork({ disableTransactions: true })
    await expect(em.transactional(run)).rejects.toThrow('as if lost')
    await expect(em.fork().transactional(run)).rejects.toThrow('as if lost')
    expect(runs).toBe(2)
  })

  test('where an EntityManager of the user’s own opens no transaction', async () => {
    class Bare extends EntityManager {
      override async transactional<T>(callback: (em: this) => T | Promise<T>): Promise<T> {
        return callback(this)
      }
    }
    const bare = await open(database, {}, { entityManager: Bare })
    const run = rerunnable(async () => {
      runs++
      throw Object.assign(new Error('as if lost'), { code: '40001', outcome: 'rolled-back' })
    })
    await expect(bare.em.fork().transactional(run)).rejects.toThrow('as if lost')
    expect(runs).toBe(1)
    await bare.close()
  })

  test('for an error of its own, and its EntityManager may go on', async () => {
    const em = orm.em.fork()
    const run = rerunnable(async () => {
      runs++
      throw new Error('no')
    })
    await expect(em.transactional(run)).rejects.toThrow('no')
    expect(runs).toBe(1)
    await em.flush()
  })
})
