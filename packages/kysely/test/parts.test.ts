import { diagnose, reprise, rerunnable } from '@reprise/kysely'
import { CompiledQuery, type DatabaseConnection, Kysely } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Proxy, until } from '../../../test/kit/index.ts'
import { Database } from './database.ts'
import { type Db, full, type Opened } from './doors.ts'

let database: Database
let proxy: Proxy
let opened: Opened
let wide: Opened
/** At which write the server goes down, and how many there were. */
let at = 0
let writes = 0

beforeAll(async () => {
  const url = inject('serverUrl')
  database = await Database.create(url)
  await database.sql("create function set_up() returns void language plpgsql as 'begin end'")
  proxy = await Proxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  const options = { deadline: 400, backoff: { base: 1, cap: 5 } }
  opened = full({ url: proxy.url(database.url), max: 1 }, options)
  wide = full({ url: proxy.url(database.url), max: 2 }, options)
  proxy.onFrame(({ from, type, text }) => {
    if (from !== 'client' || (type !== 'Q' && type !== 'P') || !text.startsWith('insert')) return
    if (++writes !== at) return
    proxy.refuse(true)
    return database.killAll().then(() => 'pass' as const)
  })
})
afterAll(async () => {
  await opened.db.destroy()
  await wide.db.destroy()
  await proxy.close()
  await database.close()
})

const enter = (db: Db, token: string) =>
  db.insertInto('entry').values({ token, amount: 1 }).execute()

/** Does some work, the server goes down at one of its writes. */
async function downAt(place: number, work: (token: string) => Promise<unknown>) {
  const token = crypto.randomUUID()
  at = 0
  const answers = () => opened.pool.query('select 1').then(Boolean, () => false)
  await until(answers)
  writes = 0
  at = place
  const error = await work(token).then(
    () => expect.fail('it should have failed'),
    (failure: unknown) => failure,
  )
  proxy.refuse(false)
  return { outcome: diagnose(error)?.outcome, error, kept: await database.count(token) }
}

test.each([
  ['statements', (db: Db, token: string) => enter(db, token)],
  [
    'transactions',
    (db: Db, token: string) => db.transaction().execute(rerunnable((trx) => enter(trx, token))),
  ],
])('a connection() of several %s says what became of all of them', async (_, step) => {
  const work = (token: string) =>
    opened.db.connection().execute(async (db) => {
      for (let times = 0; times < 3; times++) await step(db, token)
    })
  expect(await downAt(1, work)).toMatchObject({ outcome: 'rolled-back', kept: 0 })
  for (const place of [2, 3]) {
    expect(await downAt(place, work)).toMatchObject({
      outcome: 'in-doubt',
      error: { code: '08007', reason: 'in-parts', cause: { outcome: 'rolled-back' } },
      kept: place - 1,
    })
  }
})

test.each([
  ['statements', (db: Db, token: string) => enter(db, token)],
  [
    'transactions',
    (db: Db, token: string) => db.transaction().execute((other) => enter(other, token)),
  ],
])('a transaction that makes %s besides says what became of all of them', async (_, besides) => {
  const work = (token: string) =>
    wide.db.transaction().execute(async (trx) => {
      await enter(trx, token)
      await besides(wide.db, token)
      await enter(trx, token)
    })
  for (const place of [1, 2]) {
    expect(await downAt(place, work)).toMatchObject({ outcome: 'rolled-back', kept: 0 })
  }
  expect(await downAt(3, work)).toMatchObject({
    outcome: 'in-doubt',
    error: { code: '08007', reason: 'in-parts', cause: { outcome: 'rolled-back' } },
    kept: 1,
  })
})

test('what a hook does to a connection is no part of what is asked on it', async () => {
  const pool = new pg.Pool({ connectionString: proxy.url(database.url), max: 1 })
  const config = {
    pool,
    async onReserveConnection(connection: DatabaseConnection): Promise<void> {
      await connection.executeQuery(CompiledQuery.raw('select set_up()'))
    },
  }
  const db: Db = new Kysely(reprise(config, { deadline: 400, backoff: { base: 1, cap: 5 } }))
  const work = (token: string) => db.transaction().execute((trx) => enter(trx, token))
  expect(await downAt(1, work)).toMatchObject({ outcome: 'rolled-back', kept: 0 })
  await db.destroy()
})

test('a transaction says what became of it', async () => {
  const work = (token: string) =>
    opened.db.transaction().execute(async (trx) => {
      for (let times = 0; times < 3; times++) await enter(trx, token)
    })
  for (const place of [1, 2, 3]) {
    expect(await downAt(place, work)).toMatchObject({ outcome: 'rolled-back', kept: 0 })
  }
})
