import type { MikroORM } from '@mikro-orm/postgresql'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { Account, open } from './account.ts'
import { Database } from './database.ts'

let database: Database
let orm: MikroORM

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  orm = await open(database, {}, { pool: { max: 1 } })
  // It sleeps and then writes, so that one that is run again leaves a trace.
  await database.sql(`
    create function slow(amount int, seconds float) returns void language plpgsql as $$
    begin
      perform pg_sleep(seconds);
      insert into transfer values (gen_random_uuid(), amount);
    end $$`)
})

afterAll(async () => {
  await orm?.close()
  await database?.[Symbol.asyncDispose]()
})

const sleeping = async (): Promise<boolean> =>
  (
    await database.sql(
      "select 1 from pg_stat_activity where query like 'select slow%' and state = 'active'",
    )
  ).length === 1

test.each([
  ['cancel query', false],
  ['cancel query', true],
  ['kill session', false],
  ['kill session', true],
] as const)(
  'what was aborted (%s, transaction: %s) is not done again, on any backend',
  async (inflightQueryAbortStrategy, inside) => {
    const em = orm.em.fork()
    await em.find(Account, {})
    // The session changes its backend, which Kysely itself would not notice.
    await database.killAll()
    const controller = new AbortController()
    const { signal } = controller
    const options = { signal, inflightQueryAbortStrategy }
    const call = inside
      ? em.fork(options).transactional((tx) => tx.execute('select slow(7, 20)'))
      : em.fork(options).execute('select slow(7, 20)')
    const rejected = expect(call).rejects.toThrow('enough')
    await until(sleeping, { what: 'the statement to run' })
    controller.abort(new Error('enough'))
    await rejected
    await until(async () => !(await sleeping()), { what: 'the statement to end' })
    // The one client of the pool is given back, and what was aborted has not come back either.
    expect(await orm.em.fork().find(Account, {})).toHaveLength(2)
    expect(await sleeping()).toBe(false)
    expect(await database.sql('select 1 from transfer where amount = 7')).toEqual([])
  },
)

test('a statement that ended before its abort arrived is left alone, and so is its backend', async () => {
  const pid = () => orm.em.fork().execute('select pg_backend_pid()')
  const before = await pid()
  const controller = new AbortController()
  const { signal } = controller
  const held = database.hold()
  const call = orm.em
    .fork({ signal, inflightQueryAbortStrategy: 'kill session' })
    .execute('select slow(8, 0.5)')
  const rejected = expect(call).rejects.toThrow('too late')
  await until(sleeping, { what: 'the statement to run' })
  controller.abort(new Error('too late'))
  await rejected
  await until(held.waiting, { what: 'the kill to be under way' })
  await until(async () => !(await sleeping()), { what: 'the statement to end' })
  held.release()
  expect(await pid()).toEqual(before)
  expect(await database.sql('select 1 from transfer where amount = 8')).toHaveLength(1)
})
