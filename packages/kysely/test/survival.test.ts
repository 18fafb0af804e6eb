import { CamelCasePlugin, type CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { Database } from './database.ts'
import { doors, type Opened, pidOf } from './doors.ts'

let database: Database
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})
afterAll(() => database.close())

describe.each(doors)('$door', ({ open }) => {
  const logged: CompiledQuery[] = []
  let opened: Opened
  beforeAll(() => {
    opened = open({ url: database.url, log: ({ query }) => void logged.push(query) })
  })
  afterAll(() => opened.db.destroy())

  test('a transaction whose backend is terminated between two statements is carried to its commit', async () => {
    const { db } = opened
    const token = crypto.randomUUID()
    let runs = 0
    const seen = await db.transaction().execute(async (trx) => {
      runs++
      const first = await trx
        .insertInto('entry')
        .values({ token, amount: 1 })
        .returning(['token', 'amount'])
        .executeTakeFirstOrThrow()
      await database.killIdleInTransaction()
      const second = await trx
        .selectFrom('entry')
        .select(['token', 'amount'])
        .where('token', '=', token)
        .executeTakeFirstOrThrow()
      return { first, second }
    })
    expect(seen.second).toEqual(seen.first)
    expect(runs).toBe(1)
    expect(await database.count(token)).toBe(1)
  })

  test('a backend terminated before COMMIT is no reason to fail', async () => {
    const token = crypto.randomUUID()
    await opened.db.transaction().execute(async (trx) => {
      await trx.insertInto('entry').values({ token, amount: 1 }).execute()
      await database.killIdleInTransaction()
    })
    expect(await database.count(token)).toBe(1)
  })

  test('terminated while it runs, a query is answered all the same', async () => {
    const running = sql<{ x: number }>`select pg_sleep(0.3), 42 as x`.execute(opened.db)
    await until(() => database.killAll(`query like 'select pg_sleep(0.3)%' and state = 'active'`))
    expect((await running).rows[0]?.x).toBe(42)
  })

  test('idle connections may be terminated all at once', async () => {
    const { db, pool } = opened
    await Promise.all([1, 2, 3, 4].map(() => sql`select pg_sleep(0.01)`.execute(db)))
    const before = pool.totalCount
    await database.killAll()
    const rows = await Promise.all([1, 2, 3, 4].map((id) => balance(opened, id)))
    expect(rows).toEqual(['100', '100', '100', '100'])
    expect(pool.totalCount).toBe(before)
  })

  test('withSchema, withPlugin, withTables and $extendTables stay behind the door', async () => {
    const { db } = opened
    const variants = [
      db.withSchema('public'),
      db.withPlugin(new CamelCasePlugin()),
      db.withTables<{ other: { id: number } }>(),
      db.$extendTables<{ other: { id: number } }>(),
      db.withSchema('public').withoutPlugins(),
    ]
    for (const variant of variants) {
      const token = crypto.randomUUID()
      await variant.transaction().execute(async (trx) => {
        await trx.insertInto('entry').values({ token, amount: 1 }).execute()
        await database.killIdleInTransaction()
        await trx.insertInto('entry').values({ token, amount: 2 }).execute()
      })
      expect(await database.count(token)).toBe(2)
    }
  })

  test('connection() keeps one session, with what was set in it', async () => {
    await opened.db.connection().execute(async (one) => {
      await sql`set application_name = 'pinned'`.execute(one)
      const before = await pidOf(one)
      await database.kill(before)
      const { rows } = await sql<{ name: string; pid: number }>`
        select current_setting('application_name') as name, pg_backend_pid() as pid`.execute(one)
      expect(rows[0]!.name).toBe('pinned')
      expect(rows[0]!.pid).not.toBe(before)
    })
  })

  test('isolation level and access mode are those of the first run', async () => {
    await opened.db
      .transaction()
      .setIsolationLevel('serializable')
      .setAccessMode('read only')
      .execute(async (trx) => {
        const modes = sql<{ level: string; mode: string }>`
          select current_setting('transaction_isolation') as level,
            current_setting('transaction_read_only') as mode`
        const before = await modes.execute(trx)
        await database.killIdleInTransaction()
        expect((await modes.execute(trx)).rows).toEqual(before.rows)
        expect(before.rows).toEqual([{ level: 'serializable', mode: 'on' }])
      })
  })

  test('the log sees what Kysely says, once', async () => {
    logged.length = 0
    await opened.db.transaction().execute(async (trx) => {
      await trx.selectFrom('account').selectAll().execute()
      await database.killIdleInTransaction()
    })
    await expect(
      opened.db.transaction().execute(async () => {
        throw new Error('of the application')
      }),
    ).rejects.toThrow('of the application')
    expect(logged.map(({ sql }) => sql)).toEqual([
      'begin',
      'select * from "account"',
      'commit',
      'begin',
      'rollback',
    ])
  })

  test('an error of the application or of the server is what the caller gets', async () => {
    const { db, pool } = opened
    const failing = db.transaction().execute(async (trx) => {
      await trx.insertInto('account').values({ id: 1, balance: 0 }).execute()
    })
    await expect(failing).rejects.toMatchObject({ code: '23505', constraint: 'account_pkey' })
    expect(pool.idleCount).toBe(pool.totalCount)
  })

  test('what cannot be mended says what became of it, and why', async () => {
    const { db, pool } = opened
    const failing = db.transaction().execute(async (trx) => {
      await trx.selectFrom('account').selectAll().where('id', '=', 2).execute()
      await database.sql('update account set balance = balance + 1 where id = 2')
      await database.killIdleInTransaction()
      await trx.selectFrom('account').selectAll().where('id', '=', 3).execute()
    })
    await expect(failing).rejects.toMatchObject({
      name: 'DivergedError',
      code: '40001',
      outcome: 'rolled-back',
      cause: { code: '57P01' },
    })
    await database.sql('update account set balance = 100')
    expect(pool.idleCount).toBe(pool.totalCount)
  })
})

async function balance({ db }: Opened, id: number): Promise<string> {
  const row = await db
    .selectFrom('account')
    .select('balance')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return row.balance
}
