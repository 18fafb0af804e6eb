import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { exampleOf, runExample } from '../../../test/kit/index.ts'
import { Database } from './database.ts'

test('the example of the README runs, with its connection lost and without', async () => {
  await using database = await Database.create(inject('serverUrl'))
  const code = await exampleOf(join(import.meta.dirname, '../README.md'))
  const run = (): Promise<string> =>
    runExample(code, import.meta.filename, { DATABASE_URL: database.url })
  expect(await run()).toBe('balance: 15\n')
  database.listen()
  await run()
  const update = database.statements.findIndex((text) => text.startsWith('update'))
  database.listen(update, 'kill')
  const told = await run()
  expect(told).toContain('lost its connection (admin_shutdown)')
  expect(told).toContain('balance: 15\n')
  expect(await database.sql('select balance from account')).toEqual(
    Array.from({ length: 3 }, () => ({ balance: 15 })),
  )
})
