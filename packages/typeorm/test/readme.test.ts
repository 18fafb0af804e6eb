import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { exampleOf, runExample } from '../../../test/kit/index.ts'
import { Database } from './database.ts'

test('the example of the README runs as it stands', async () => {
  const database = await Database.create(inject('serverUrl'))
  try {
    const code = await exampleOf(join(import.meta.dirname, '../README.md'))
    const told = await runExample(code, import.meta.filename, { DATABASE_URL: database.url })
    expect(told).toContain('{ id: 1, balance: 90 }')
    expect(told).toContain('{ id: 2, balance: 10 }')
  } finally {
    await database.close()
  }
})
