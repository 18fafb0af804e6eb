import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleOf, runExample } from '../../../test/kit/index.ts'
import { createDatabase } from './compare.ts'

test('the example of the README runs as it stands', async () => {
  const code = await exampleOf(join(import.meta.dirname, '../README.md'))
  const env = { DATABASE_URL: await createDatabase() }
  expect(await runExample(code, import.meta.filename, env)).toBe('[ { answer: 42 } ]\n')
})
