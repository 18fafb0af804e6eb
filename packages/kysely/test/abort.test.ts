import { type InflightQueryAbortStrategy, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { Database } from './database.ts'
import { full, type Opened } from './doors.ts'

let database: Database
let opened: Opened
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  opened = full({ url: database.url, max: 2 })
  // Kysely tells the console of what fails after an abortion.
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
})
afterEach(async () => {
  const { pool } = opened
  await until(() => pool.idleCount === pool.totalCount && pool.waitingCount === 0)
})
afterAll(async () => {
  vi.restoreAllMocks()
  await opened.db.destroy()
  await database.close()
})

/** Begins a write that takes a while; resolves when the server is at it. */
async function begin(token: string, strategy: InflightQueryAbortStrategy, on = opened.db) {
  const controller = new AbortController()
  const text = `insert into entry (token, amount) select '${token}', 1 from pg_sleep(0.7)`
  const writing = sql.raw(text).execute(on, {
    signal: controller.signal,
    inflightQueryAbortStrategy: strategy,
  })
  writing.catch(() => undefined)
  await until(() => at(token))
  return { controller, writing }
}

/** Whether the server is at the write with this token. */
async function at(token: string): Promise<boolean> {
  const rows = await database.sql(
    `select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()
      and query like $1`,
    [`%${token}%`],
  )
  return rows.length > 0
}

/** When whatever could run it again has had its chance. */
async function settled(token: string): Promise<number> {
  await until(() => opened.pool.idleCount === opened.pool.totalCount)
  await until(async () => !(await at(token)))
  return database.count(token)
}

describe('an aborted query', () => {
  test('whose session is killed is not run again', async () => {
    const token = crypto.randomUUID()
    const { controller, writing } = await begin(token, 'kill session')
    controller.abort()
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
    expect(await settled(token)).toBe(0)
  })

  test('that is cancelled is not run again', async () => {
    const token = crypto.randomUUID()
    const { controller, writing } = await begin(token, 'cancel query')
    controller.abort()
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
    expect(await settled(token)).toBe(0)
  })

  test('that is ignored goes on, and is not run again when its backend goes', async () => {
    const token = crypto.randomUUID()
    const { controller, writing } = await begin(token, 'ignore query')
    controller.abort()
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
    await database.killAll(`query like '%${token}%'`)
    expect(await settled(token)).toBe(0)
  })

  test('that is ignored is there when nothing happens to it', async () => {
    const token = crypto.randomUUID()
    const { controller, writing } = await begin(token, 'ignore query')
    controller.abort()
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
    expect(await settled(token)).toBe(1)
  })

  test.each(['kill session', 'cancel query'] as const)(
    'of a session that is on its second connection hits that one: %s',
    async (strategy) => {
      const token = crypto.randomUUID()
      await opened.db.connection().execute(async (one) => {
        const first = await begin(crypto.randomUUID(), strategy, one)
        await database.killAll(`query like 'insert into entry%' and state = 'active'`)
        await first.writing
        const { controller, writing } = await begin(token, strategy, one)
        controller.abort()
        await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
        await until(async () => !(await at(token)))
      })
      expect(await settled(token)).toBe(0)
    },
  )
})

test('a query with a signal that nobody aborts survives as any other', async () => {
  const token = crypto.randomUUID()
  const { writing } = await begin(token, 'kill session')
  await database.killAll(`query like '%${token}%'`)
  await writing
  expect(await settled(token)).toBe(1)
})

test('a transaction whose statement was aborted and killed is lost as a whole', async () => {
  const [before, token] = [crypto.randomUUID(), crypto.randomUUID()]
  const failing = opened.db.transaction().execute(async (trx) => {
    await trx.insertInto('entry').values({ token: before, amount: 1 }).execute()
    const { controller, writing } = await begin(token, 'kill session', trx)
    controller.abort()
    await writing.catch(() => undefined)
    await trx.insertInto('entry').values({ token: before, amount: 2 }).execute()
  })
  await expect(failing).rejects.toMatchObject({ outcome: 'rolled-back' })
  expect(await settled(token)).toBe(0)
  expect(await database.count(before)).toBe(0)
})
