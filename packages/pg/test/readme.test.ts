import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { exampleOf, runExample } from '../../../test/kit/index.ts'

test('the example of the README runs as it stands', async () => {
  const admin = new pg.Client({ connectionString: inject('serverUrl') })
  await admin.connect()
  await admin.query('CREATE DATABASE readme_of_pg')
  await admin.end()
  const url = new URL(inject('serverUrl'))
  url.pathname = '/readme_of_pg'
  const code = await exampleOf(join(import.meta.dirname, '../README.md'))
  expect(await runExample(code, import.meta.filename, { DATABASE_URL: url.href })).toBe(
    '[ { answer: 42 } ]\n',
  )
})
