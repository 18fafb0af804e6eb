import { reprise } from '@reprise/kysely'
import { reprise as line } from '@reprise/pg'
import {
  AbortedTransactionError,
  CompiledQuery,
  isAbortedTransactionError,
  Kysely,
  sql,
} from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Proxy as Network } from '../../../test/kit/index.ts'
import { Database } from './database.ts'
import { full, type Opened, plain } from './doors.ts'

let database: Database
let opened: Opened
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  await database.sql(`
    create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'refused' using errcode = '23514'; end $$;
    create table late (id int);
    create constraint trigger late after insert on late
      deferrable initially deferred for each row execute function refuse()`)
  opened = full({ url: database.url, max: 2 })
})
afterAll(async () => {
  await opened.db.destroy()
  await database.close()
})

const enter = (db: Opened['db'], token: string) =>
  db.insertInto('entry').values({ token, amount: 1 }).execute()

describe('a controlled transaction', () => {
  test('outlives its backend, savepoints included', async () => {
    const { db } = opened
    const [kept, undone, late] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
    const trx = await db.startTransaction().execute()
    await enter(trx, kept)
    const saved = await trx.savepoint('here').execute()
    await enter(saved, undone)
    await database.killIdleInTransaction()
    await saved.rollbackToSavepoint('here').execute()
    await enter(trx, late)
    await database.killIdleInTransaction()
    await saved.releaseSavepoint('here').execute()
    await database.killIdleInTransaction()
    await trx.commit().execute()
    expect([
      await database.count(kept),
      await database.count(undone),
      await database.count(late),
    ]).toEqual([1, 0, 1])
    expect(trx.isCommitted).toBe(true)
    idle()
  })

  test('rolls back though its backend is gone', async () => {
    const token = crypto.randomUUID()
    const trx = await opened.db.startTransaction().execute()
    await enter(trx, token)
    await database.killIdleInTransaction()
    await trx.rollback().execute()
    expect(trx.isRolledBack).toBe(true)
    expect(await database.count(token)).toBe(0)
    idle()
  })

  test('whose COMMIT fails is over: the connection is back, and no statement runs outside it', async () => {
    const token = crypto.randomUUID()
    const trx = await opened.db.startTransaction().execute()
    await trx
      .insertInto('late' as 'entry')
      .values({ id: 1 } as never)
      .execute()
    await expect(trx.commit().execute()).rejects.toMatchObject({ code: '23514' })
    idle()
    await expect(enter(trx, token)).rejects.toThrow('already rolled back')
    await trx.rollback().execute()
    expect(await database.count(token)).toBe(0)
  })

  test('whose COMMIT diverges says so, and is over', async () => {
    const { db } = opened
    const token = crypto.randomUUID()
    const trx = await db.startTransaction().execute()
    await enter(trx, token)
    await trx.selectFrom('account').selectAll().where('id', '=', 1).execute()
    await database.sql('update account set balance = balance + 1 where id = 1')
    await database.killIdleInTransaction()
    const error = await trx
      .commit()
      .execute()
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'DivergedError', code: '40001', outcome: 'rolled-back' })
    expect(isAbortedTransactionError(error)).toBe(true)
    expect(trx.isRolledBack).toBe(true)
    idle()
    await expect(enter(trx, token)).rejects.toThrow('already rolled back')
    expect(await database.count(token)).toBe(0)
  })

  test('whose COMMIT was answered by ROLLBACK ends with the error of Kysely’s own', async () => {
    const trx = await opened.db.startTransaction().execute()
    await trx
      .insertInto('account')
      .values({ id: 1, balance: 0 })
      .execute()
      .catch(() => undefined)
    const error = await trx
      .commit()
      .execute()
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(AbortedTransactionError)
    expect(error).toMatchObject({ code: '40000', outcome: 'rolled-back', cause: { code: '40000' } })
    expect(trx.isRolledBack).toBe(true)
    idle()
  })

  test('of the plain door keeps the savepoints and the sum, too', async () => {
    const { db } = plain({ url: database.url, max: 1 })
    const token = crypto.randomUUID()
    const trx = await db.startTransaction().execute()
    await enter(trx, token)
    await trx.savepoint('here').execute()
    await database.killIdleInTransaction()
    await trx.commit().execute()
    expect(await database.count(token)).toBe(1)
    await db.destroy()
  })
})

describe('no client is lost', () => {
  test('when ROLLBACK gets no answer, and the error of the application is what is thrown', async () => {
    const { hostname, port } = new URL(database.url)
    const proxy = await Network.start({ host: hostname, port: Number(port) })
    proxy.onFrame(({ type, text }) => (type === 'Q' && text === 'rollback' ? 'freeze' : 'pass'))
    const { db, pool } = full({
      url: proxy.url(database.url),
      max: 1,
      pool: { query_timeout: 300 },
    })
    const token = crypto.randomUUID()
    const failing = db.transaction().execute(async (trx) => {
      await enter(trx, token)
      throw new Error('of the application')
    })
    await expect(failing).rejects.toThrow('of the application')
    const trx = await db.startTransaction().execute()
    await enter(trx, token)
    await trx.rollback().execute()
    await expect(enter(trx, token)).rejects.toThrow('already rolled back')
    expect(pool.waitingCount).toBe(0)
    await db.selectFrom('account').selectAll().execute()
    expect(await database.count(token)).toBe(0)
    await db.destroy()
    await proxy.close()
  })

  test('when BEGIN fails', async () => {
    const { db, pool } = opened
    for (let i = 0; i < 4; i++) {
      const wrong = db.startTransaction().setIsolationLevel('snapshot')
      await expect(wrong.execute()).rejects.toMatchObject({ code: '42601' })
      const managed = db.transaction().setIsolationLevel('snapshot')
      await expect(managed.execute(async () => 1)).rejects.toMatchObject({ code: '42601' })
    }
    expect(pool.waitingCount).toBe(0)
    idle()
  })

  test('when onCreateConnection or onReserveConnection fails, and the hook is tried again', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    let failures = 2
    let created = 0
    let reserved = 0
    const db = new Kysely<{ account: { id: number } }>(
      reprise({
        pool,
        async onCreateConnection() {
          if (failures-- > 0) throw new Error('hook failed')
          created++
        },
        async onReserveConnection() {
          if (++reserved === 2) throw new Error('reserve failed')
        },
      }),
    )
    const ask = () => db.selectFrom('account').select('id').execute()
    await expect(ask()).rejects.toThrow('hook failed')
    await expect(ask()).rejects.toThrow('hook failed')
    await ask()
    await expect(ask()).rejects.toThrow('reserve failed')
    await ask()
    expect({ created, reserved, clients: pool.totalCount, idle: pool.idleCount }).toEqual({
      created: 1,
      reserved: 3,
      clients: 1,
      idle: 1,
    })
    await db.destroy()
  })
})

function idle(): void {
  const { pool } = opened
  expect({ idle: pool.idleCount, waiting: pool.waitingCount }).toEqual({
    idle: pool.totalCount,
    waiting: 0,
  })
}

test('what onCreateConnection set is there on every connection that carries the session on', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  const db = new Kysely<{ account: { id: number } }>(
    reprise({
      pool,
      async onCreateConnection(connection) {
        await connection.executeQuery(CompiledQuery.raw(`set search_path = 'made_for_it'`))
      },
    }),
  )
  const path = async () => (await sql<{ search_path: string }>`show search_path`.execute(db)).rows
  const before = await path()
  await database.killAll()
  expect(await path()).toEqual(before)
  expect(before).toEqual([{ search_path: 'made_for_it' }])
  await db.destroy()
})

test('destroy() ends the pool once, and what comes later is told so', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  const db = new Kysely<{ account: { id: number } }>(reprise({ pool }))
  await db.selectFrom('account').select('id').execute()
  await Promise.all([db.destroy(), db.destroy()])
  await db.destroy()
  expect(pool.ended).toBe(true)
  await expect(db.selectFrom('account').select('id').execute()).rejects.toThrow('destroyed')
})

test('a pool whose clients are sessions already is taken as it is', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1, ...line() })
  const db = new Kysely<{ account: { id: number } }>(reprise({ pool }))
  await db.selectFrom('account').select('id').execute()
  await database.killAll()
  expect(await db.selectFrom('account').select('id').execute()).toHaveLength(4)
  await db.destroy()
})
