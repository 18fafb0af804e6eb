import { reprise, rerunnable } from '@reprise/kysely'
import { CompiledQuery, Kysely, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Database } from './database.ts'

let database: Database
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})
afterAll(() => database.close())

interface Schema {
  entry: { token: string; amount: number }
}

const open = (): Kysely<Schema> =>
  new Kysely<Schema>(reprise({ pool: new pg.Pool({ connectionString: database.url, max: 1 }) }))

test.each([
  ['of its own', false],
  ['on a pinned connection', true],
])(
  'what a failed run left behind never reaches the server: a transaction %s',
  async (_, pinned) => {
    const db = open()
    for (let turns = 0; turns < 40; turns += 2) {
      const token = `${pinned} ${turns}`
      const left: Promise<unknown>[] = []
      let run = 0
      const work = (on: Kysely<Schema>): Promise<void> =>
        on.transaction().execute(
          rerunnable(async (trx) => {
            run += 1
            const amount = run
            const conflict = sql`do $$ begin raise 'conflict' using errcode = '40001'; end $$`
            const failing = (run === 1 ? conflict : sql`select 1`).execute(trx)
            const straggler = async (): Promise<void> => {
              await failing.catch(() => undefined)
              for (let turn = 0; turn < turns; turn++) await undefined
              await trx.insertInto('entry').values({ token, amount }).execute()
            }
            left.push(straggler().catch((error) => error))
            await failing
            await left.at(-1)
          }),
        )
      await (pinned ? db.connection().execute(work) : work(db))
      const [first, second] = await Promise.all(left)
      expect(first).toBeInstanceOf(Error)
      expect(second).toBeUndefined()
      const rows = await database.sql('select amount from entry where token = $1', [token])
      expect(rows).toEqual([{ amount: 2 }])
    }
    await db.destroy()
  },
)

// Kysely 0.27 and 0.28 ask nobody whether a transaction is over.
test('a connection that was given back reaches the session no more, whoever has that now', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  const { driver } = reprise({ pool })
  await driver.init()
  const first = await driver.acquireConnection()
  await driver.beginTransaction(first, {})
  await driver.rollbackTransaction(first)
  await driver.releaseConnection(first)

  const second = await driver.acquireConnection()
  await driver.beginTransaction(second, {})
  const late = CompiledQuery.raw(`insert into entry (token, amount) values ('late', 1)`)
  await expect(first.executeQuery(late)).rejects.toMatchObject({ code: '25P02' })
  expect(() => first.streamQuery(late, 1)).toThrow()
  await driver.commitTransaction(second)
  await driver.releaseConnection(second)
  await driver.destroy()
  expect(await database.count('late')).toBe(0)
})
