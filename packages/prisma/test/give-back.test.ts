import { repriseAdapter } from '@reprise/prisma'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { OwnDatabase } from '../../../test/kit/index.ts'
import { createDatabase } from '../../../test/kit/own-database.ts'

let database: OwnDatabase

beforeAll(async () => {
  database = new OwnDatabase(await createDatabase(inject('serverUrl')))
  await database.sql(
    'create table once (id int unique deferrable initially deferred); insert into once values (1)',
  )
})
afterAll(() => database?.close())

const asked = (sql: string) => ({ sql, args: [], argTypes: [] })

// Prisma 6 calls neither commit() nor rollback() then: its pool has one client less for each.
test('the client of a COMMIT that failed goes back to the pool, and its transaction reaches it no more', async () => {
  const adapter = await repriseAdapter({ connectionString: database.url, max: 1 }).connect()
  const first = await adapter.startTransaction()
  await first.executeRaw(asked('insert into once values (1)'))
  await expect(first.executeRaw(asked('COMMIT'))).rejects.toThrow()

  const second = await adapter.startTransaction()
  await second.executeRaw(asked('insert into once values (2)'))
  expect(await first.executeRaw(asked('ROLLBACK'))).toBe(0)
  await expect(first.executeRaw(asked('insert into once values (3)'))).rejects.toMatchObject({
    code: '25P02',
  })
  await first.rollback()
  await second.executeRaw(asked('COMMIT'))
  await second.commit()
  await adapter.dispose()
  expect(await database.sql('select id from once order by id')).toEqual([{ id: 1 }, { id: 2 }])
})
