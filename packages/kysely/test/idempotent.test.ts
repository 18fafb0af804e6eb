import { idempotent } from '@reprise/kysely'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { Proxy as Network } from '../../../test/kit/index.ts'
import { Database } from './database.ts'
import { doors, type Opened } from './doors.ts'

let database: Database
let proxy: Network
/** Whether the next answer to a write is lost on its way. */
let armed = false
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  const { hostname, port } = new URL(database.url)
  proxy = await Network.start({ host: hostname, port: Number(port) })
  proxy.onFrame(({ from, type }) => {
    if (!armed || from !== 'server' || type !== 'C') return 'pass'
    armed = false
    return 'reset'
  })
})
afterAll(async () => {
  await proxy.close()
  await database.close()
})
beforeEach(() => {
  armed = false
})

const write = (token: string) => sql`
  insert into entry (token, amount) select ${token}, 1
   where not exists (select from entry where token = ${token})`

for (const { door, open } of doors) {
  /** Nobody can ask the server, so a lost answer leaves doubt. */
  const opened = (): Opened => open({ url: proxy.url(database.url), max: 1 }, { witness: 'off' })

  test(`${door}: a write whose answer is lost is not done again, but for the author's word`, async () => {
    const { db } = opened()
    const token = crypto.randomUUID()
    // What the session asks on its own account comes before this.
    await sql`set app.rested = 1`.execute(db)
    armed = true
    await expect(write(token).execute(db)).rejects.toMatchObject({
      code: '08007',
      outcome: 'in-doubt',
    })
    await db.destroy()
  })

  test(`${door}: raw statements that are idempotent() are done again`, async () => {
    const { db } = opened()
    const token = crypto.randomUUID()
    await sql`set app.rested = 1`.execute(db)
    armed = true
    await write(token).withPlugin(idempotent()).execute(db)
    expect(armed).toBe(false)
    expect(await database.count(token)).toBe(1)
    await db.destroy()
  })

  test(`${door}: built statements that are idempotent() are done again`, async () => {
    const { db } = opened()
    await sql`select 1`.execute(db)
    const steady = db.withPlugin(idempotent())
    armed = true
    await steady.updateTable('account').set({ balance: 55 }).where('id', '=', 2).execute()
    expect(armed).toBe(false)
    armed = true
    await steady.deleteFrom('account').where('id', '=', 3).execute()
    armed = true
    await steady
      .insertInto('account')
      .values({ id: 3, balance: 100 })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const rows = await db.selectFrom('account').selectAll().orderBy('id').execute()
    expect(rows.map(({ id }) => id)).toEqual([1, 2, 3, 4])
    await db.destroy()
  })
}

test('idempotent() says so where it cannot mark a statement', async () => {
  const { db } = doors[0]!.open({ url: database.url })
  const marked = db.withPlugin(idempotent())
  await expect(marked.schema.dropTable('nothing').execute()).rejects.toThrow(
    'cannot mark a DropTableNode',
  )
  await db.destroy()
})
