import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Events, rerunnable as marked } from '@reprise/core'
import { rerunnable } from '@reprise/kysely'
import { sql, type Transaction } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { Database } from './database.ts'
import { type Db, full, type Opened, type Schema } from './doors.ts'

type Trx = Transaction<Schema>

let database: Database
let opened: Opened
let db: Db
const reruns: Events['reprise:rerun'][] = []
const heard = (event: unknown) => void reruns.push(event as Events['reprise:rerun'])
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  opened = full({ url: database.url })
  db = opened.db
  subscribe('reprise:rerun', heard)
})
beforeEach(async () => {
  reruns.length = 0
  await database.sql('update account set balance = 100')
})
afterEach(async () => {
  await until(() => opened.pool.idleCount === opened.pool.totalCount)
})
afterAll(async () => {
  unsubscribe('reprise:rerun', heard)
  await db.destroy()
  await database.close()
})

/** Reads an account, and sees to it that a replay would read another balance. */
async function diverge(trx: Db): Promise<void> {
  await trx.selectFrom('account').selectAll().where('id', '=', 1).execute()
  await database.sql('update account set balance = balance + 1 where id = 1')
  await database.killIdleInTransaction()
}

const enter = (trx: Db, token: string) =>
  trx.insertInto('entry').values({ token, amount: 1 }).execute()

describe('a callback that is rerunnable()', () => {
  test.each([
    ['of @reprise/kysely', rerunnable],
    ['of @reprise/core', marked],
  ])('%s is run again when its transaction cannot be replayed', async (_, rerunnable) => {
    const token = crypto.randomUUID()
    let runs = 0
    const result = await db.transaction().execute(
      rerunnable(async (trx: Trx) => {
        runs++
        await enter(trx, token)
        if (runs === 1) await diverge(trx)
        await trx.selectFrom('account').selectAll().where('id', '=', 2).execute()
        return runs
      }),
    )
    expect(result).toBe(2)
    expect(await database.count(token)).toBe(1)
    expect(reruns).toEqual([expect.objectContaining({ attempt: 2, outcome: 'rolled-back' })])
  })

  test('is run again when the divergence shows only at COMMIT', async () => {
    const token = crypto.randomUUID()
    let runs = 0
    await db.transaction().execute(
      rerunnable(async (trx: Trx) => {
        runs++
        await enter(trx, token)
        if (runs === 1) await diverge(trx)
      }),
    )
    expect(runs).toBe(2)
    expect(await database.count(token)).toBe(1)
  })

  test('is run again after a serialization failure, with the same isolation level', async () => {
    const levels: unknown[] = []
    let runs = 0
    await db
      .transaction()
      .setIsolationLevel('serializable')
      .execute(
        rerunnable(async (trx: Trx) => {
          runs++
          const { rows } =
            await sql`select current_setting('transaction_isolation') as level`.execute(trx)
          levels.push(rows[0])
          await trx.selectFrom('account').selectAll().where('id', '=', 1).execute()
          if (runs === 1) await database.sql('update account set balance = 7 where id = 1')
          await trx.updateTable('account').set({ balance: 8 }).where('id', '=', 1).execute()
        }),
      )
    expect(levels).toEqual([{ level: 'serializable' }, { level: 'serializable' }])
    expect(reruns).toEqual([expect.objectContaining({ condition: 'serialization_failure' })])
  })

  test('is run again after a deadlock, and both sides get through', async () => {
    const add = (trx: Trx, id: number) =>
      trx
        .updateTable('account')
        .set((account) => ({ balance: account('balance', '+', '1') }) as never)
        .where('id', '=', id)
        .execute()
    let met = 0
    const both = Promise.withResolvers<void>()
    const cross = (first: number, second: number) =>
      db.transaction().execute(
        rerunnable(async (trx: Trx) => {
          await add(trx, first)
          if (++met === 2) both.resolve()
          await both.promise
          await add(trx, second)
        }),
      )
    await Promise.all([cross(3, 4), cross(4, 3)])
    expect(await database.sql('select balance::int from account where id in (3, 4)')).toEqual([
      { balance: 102 },
      { balance: 102 },
    ])
    expect(reruns).toEqual([expect.objectContaining({ condition: 'deadlock_detected' })])
  })

  test('is run again on the pinned connection that it was given', async () => {
    let outer = 0
    let runs = 0
    await db.connection().execute(async (one) => {
      outer++
      await one.transaction().execute(
        rerunnable(async (trx: Trx) => {
          runs++
          if (runs === 1) await diverge(trx)
          await trx.selectFrom('account').selectAll().execute()
        }),
      )
    })
    expect({ outer, runs }).toEqual({ outer: 1, runs: 2 })
  })

  test('is not run again when it failed by itself', async () => {
    let runs = 0
    const failing = db.transaction().execute(
      rerunnable(async (trx: Trx) => {
        runs++
        await trx.insertInto('account').values({ id: 1, balance: 0 }).execute()
      }),
    )
    await expect(failing).rejects.toMatchObject({ code: '23505' })
    expect(runs).toBe(1)
  })

  test('is not run again once a transaction inside it was committed', async () => {
    const token = crypto.randomUUID()
    let runs = 0
    const failing = db.transaction().execute(
      rerunnable(async (trx: Trx) => {
        runs++
        await db.transaction().execute((other) => enter(other, token))
        await diverge(trx)
        await trx.selectFrom('account').selectAll().execute()
      }),
    )
    await expect(failing).rejects.toMatchObject({ outcome: 'in-doubt', reason: 'in-parts' })
    expect(runs).toBe(1)
    expect(await database.count(token)).toBe(1)
  })

  test('leaves re-runs to the outermost one', async () => {
    let outer = 0
    let inner = 0
    await db.transaction().execute(
      rerunnable(async (trx: Trx) => {
        outer++
        await trx.selectFrom('account').selectAll().where('id', '=', 4).execute()
        await db.transaction().execute(
          rerunnable(async (other: Trx) => {
            inner++
            if (inner === 1) await diverge(other)
            await other.selectFrom('account').selectAll().where('id', '=', 2).execute()
          }),
        )
      }),
    )
    expect({ outer, inner }).toEqual({ outer: 2, inner: 2 })
  })
})

describe('a callback that nobody declared', () => {
  test('is never run again', async () => {
    let runs = 0
    const failing = db.transaction().execute(async (trx) => {
      runs++
      await diverge(trx)
      await trx.selectFrom('account').selectAll().execute()
    })
    await expect(failing).rejects.toMatchObject({ code: '40001', outcome: 'rolled-back' })
    expect(runs).toBe(1)
    expect(reruns).toEqual([])
  })

  test('is not declared by a rerunnable one that it calls', async () => {
    let runs = 0
    const step = rerunnable(async (trx: Trx) => {
      await diverge(trx)
      await trx.selectFrom('account').selectAll().execute()
    })
    const failing = db.transaction().execute(async (trx) => {
      runs++
      await new Promise(setImmediate)
      await step(trx)
    })
    await expect(failing).rejects.toMatchObject({ code: '40001' })
    expect(runs).toBe(1)
  })

  test('leaves a rerunnable transaction inside it the outermost one', async () => {
    let outer = 0
    let inner = 0
    await db.transaction().execute(async () => {
      outer++
      await db.transaction().execute(
        rerunnable(async (trx: Trx) => {
          inner++
          if (inner === 1) await diverge(trx)
          await trx.selectFrom('account').selectAll().where('id', '=', 2).execute()
        }),
      )
    })
    expect({ outer, inner }).toEqual({ outer: 1, inner: 2 })
  })
})
