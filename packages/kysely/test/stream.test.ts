import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Database } from './database.ts'
import { doors, type Opened } from './doors.ts'

let database: Database
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})
afterAll(() => database.close())

describe.each(doors)('$door', ({ open }) => {
  let opened: Opened
  beforeAll(() => {
    opened = open({ url: database.url, max: 1 })
  })
  afterAll(() => opened.db.destroy())

  const many = () =>
    opened.db
      .selectFrom(sql<{ n: number }>`generate_series(1, 10000)`.as<'s'>('s'))
      .select(sql<number>`s`.as('n'))

  test('a stream brings all its rows', async () => {
    let rows = 0
    for await (const { n } of many().stream(100)) expect(n).toBe(++rows)
    expect(rows).toBe(10_000)
  })

  test('a stream that loses its backend ends with an error, and the client is back', async () => {
    let rows = 0
    const reading = (async () => {
      for await (const _ of many().stream(100)) {
        if (++rows === 250) await database.killAll(`query like '%generate_series%'`)
      }
    })()
    await expect(reading).rejects.toMatchObject({ outcome: 'rolled-back', reason: 'streamed' })
    expect(rows).toBeGreaterThanOrEqual(250)
    expect(opened.pool.idleCount).toBe(opened.pool.totalCount)
    expect(await many().execute()).toHaveLength(10_000)
  })

  test('a stream that is left early leaves nothing behind', async () => {
    for await (const { n } of many().stream(10)) if (n === 15) break
    expect(opened.pool.idleCount).toBe(opened.pool.totalCount)
    expect(await many().execute()).toHaveLength(10_000)
  })

  test('a stream begins on a session whose backend was terminated before', async () => {
    await many().execute()
    await database.killAll()
    let rows = 0
    for await (const _ of many().stream(1000)) rows++
    expect(rows).toBe(10_000)
  })
})
