import { randomUUID } from 'node:crypto'
import { MikroORM, type Options } from '@mikro-orm/postgresql'
import type { Pool } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { RepriseOptions } from '../src/index.ts'
import { Account, open, Transfer } from './account.ts'
import { Database } from './database.ts'

let database: Database

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})

afterAll(() => database?.[Symbol.asyncDispose]())

// However a test ends, the next one can connect.
afterEach(() => database.refuse(false))

const max = 2

/** Whether BEGIN was sent still depends on who was faster, the news of the end or BEGIN. */
const undone = expect.stringMatching(/^(not-sent|rolled-back)$/)

/** An ORM whose losses surface. */
const openWith = (options: RepriseOptions, more: Options = {}): Promise<MikroORM> =>
  open(database, options, { pool: { max }, ...more })

async function poolOf(orm: MikroORM): Promise<Pool> {
  return (await orm.em.getConnection().getNativeClient()) as Pool
}

/** More losses than there are clients, then work on all of them at once, then close(). */
async function usable(orm: MikroORM, lose: () => Promise<unknown>): Promise<void> {
  for (let times = 0; times < max + 2; times++) await lose()
  const pool = await poolOf(orm)
  expect([pool.idleCount, pool.waitingCount]).toEqual([pool.totalCount, 0])
  const token = randomUUID()
  await Promise.all(
    Array.from({ length: max * 2 }, () =>
      orm.em.fork().transactional(async (em) => {
        await em.findOneOrFail(Account, 1)
        await em.execute('select pg_sleep(0.01)')
      }),
    ),
  )
  await orm.em.fork().transactional(async (em) => void em.create(Transfer, { token, amount: 1 }))
  await orm.close()
}

describe('more unmended losses than clients leave a pool that works and closes', () => {
  test('at BEGIN', async () => {
    const orm = await openWith({ deadline: 400, backoff: { base: 1, cap: 20 } })
    await usable(orm, async () => {
      await database.killAll()
      database.refuse(true)
      await expect(orm.em.fork().transactional(async () => {})).rejects.toMatchObject({
        outcome: undone,
      })
      database.refuse(false)
    })
  })

  test('at em.begin', async () => {
    const orm = await openWith({ deadline: 400, backoff: { base: 1, cap: 20 } })
    await usable(orm, async () => {
      await database.killAll()
      database.refuse(true)
      const em = orm.em.fork()
      await expect(em.begin()).rejects.toMatchObject({ outcome: undone })
      expect(em.isInTransaction()).toBe(false)
      database.refuse(false)
    })
  })

  test('in mid-transaction', async () => {
    const orm = await openWith({ replay: 'off' })
    await usable(orm, () =>
      expect(
        orm.em.fork().transactional(async (em) => {
          await em.findOneOrFail(Account, 1)
          await database.killAll()
          await em.findOneOrFail(Account, 2)
        }),
      ).rejects.toMatchObject({ outcome: 'rolled-back' }),
    )
  })

  test('in mid-transaction, and nobody can connect for the ROLLBACK', async () => {
    const orm = await openWith({ deadline: 400, backoff: { base: 1, cap: 20 } })
    await usable(orm, async () => {
      await expect(
        orm.em.fork().transactional(async (em) => {
          await em.findOneOrFail(Account, 1)
          await database.killAll()
          database.refuse(true)
          await em.findOneOrFail(Account, 2)
        }),
      ).rejects.toMatchObject({ outcome: 'rolled-back' })
      database.refuse(false)
    })
  })

  test.each(['em.transactional', 'em.commit'])(
    'at COMMIT, with the answer lost (%s)',
    async (how) => {
      const orm = await openWith({ witness: 'off' })
      await usable(orm, async () => {
        const em = orm.em.fork()
        const work = async (): Promise<void> => {
          em.create(Transfer, { token: randomUUID(), amount: 1 })
          await em.flush()
          // The next statement is the COMMIT.
          database.listen(0, 'cut')
        }
        if (how === 'em.commit') {
          await em.begin()
          await work()
          await expect(em.commit()).rejects.toMatchObject({ outcome: 'in-doubt', code: '08007' })
          await em.rollback()
          expect(em.isInTransaction()).toBe(false)
        } else {
          const lost = em.transactional(async (tx) => {
            tx.create(Transfer, { token: randomUUID(), amount: 1 })
            await tx.flush()
            database.listen(0, 'cut')
          })
          await expect(lost).rejects.toMatchObject({ outcome: 'in-doubt', code: '08007' })
        }
        expect(database.struck).toBe(true)
      })
    },
  )

  test('in a hook that runs for each client', async () => {
    let broken = false
    const orm = await openWith(
      {},
      {
        onReserveConnection: async () => {
          if (broken) throw new Error('not now')
        },
      },
    )
    await usable(orm, async () => {
      broken = true
      await expect(orm.em.fork().find(Account, {})).rejects.toThrow('not now')
      broken = false
    })
  })
})

test('kills at BEGIN, in mid-transaction and at COMMIT are mended, more of them than clients', async () => {
  const orm = await openWith({})
  await usable(orm, async () => {
    for (const place of [0, 1, 2]) {
      database.listen(place)
      const em = orm.em.fork()
      em.create(Transfer, { token: randomUUID(), amount: 1 })
      await em.flush()
      expect(database.struck).toBe(true)
    }
  })
})

test('nothing that holds a lost transaction reaches the connection again', async () => {
  const orm = await openWith({ witness: 'off' })
  const em = orm.em.fork()
  await em.begin()
  await em.execute('select 1')
  em.create(Transfer, { token: randomUUID(), amount: 1 })
  await em.flush()
  database.listen(0, 'cut')
  await expect(em.commit()).rejects.toMatchObject({ outcome: 'in-doubt' })
  await expect(em.execute('select 1')).rejects.toMatchObject({ code: '25P02' })
  await em.rollback()
  await orm.close()
})

test('what a failed callback left behind is never executed behind its ROLLBACK, whenever it comes', async () => {
  const orm = await openWith({})
  for (let turns = 0; turns < 60; turns += 3) {
    const token = randomUUID()
    let left: Promise<unknown> | undefined
    const failed = orm.em.fork().transactional(async (em) => {
      const failing = em.execute('select 1 / 0')
      const straggler = async (): Promise<void> => {
        await failing.catch(() => undefined)
        for (let turn = 0; turn < turns; turn++) await undefined
        await em.execute(`insert into transfer values ('${token}', 1)`)
      }
      left = straggler().catch((error) => error)
      await failing
    })
    await expect(failed).rejects.toMatchObject({ code: '22012' })
    expect(await left).toBeInstanceOf(Error)
    expect(await database.sql('select from transfer where token = $1', [token])).toEqual([])
  }
  await orm.close()
})

test('the stock ORM hangs after as many, which is why the door is there', async () => {
  const stock = await MikroORM.init({
    clientUrl: database.url,
    entities: [Account, Transfer],
    pool: { max },
  })
  await stock.connect()
  for (let times = 0; times < max; times++) {
    database.listen(0)
    await expect(stock.em.fork().transactional(async () => {})).rejects.toThrow()
  }
  const pool = await poolOf(stock)
  expect([pool.idleCount, pool.totalCount]).toEqual([0, max])
})
