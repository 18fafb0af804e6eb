import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { exampleOf, runExample } from '../../../test/kit/index.ts'
import { Database } from './database.ts'

let database: Database
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  await database.sql('alter table account alter balance type int')
})
afterAll(() => database.close())

test('the example of the page runs as it stands', async () => {
  const code = await exampleOf(join(import.meta.dirname, '../README.md'))
  await runExample(code, import.meta.filename, { DATABASE_URL: database.url })
  expect(await database.sql('select balance from account where id = 1')).toEqual([{ balance: 110 }])
})
