import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { Database } from './database.ts'

test('the example of the README runs as it stands', async () => {
  const database = await Database.create(inject('serverUrl'))
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readme) as unknown as [string, string]
  // Beside this file, so that it finds the package by its name.
  const file = join(import.meta.dirname, 'readme-example.ts')
  await writeFile(file, code)
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@reprise/source', file],
      { env: { ...process.env, DATABASE_URL: database.url } },
    )
    expect(stdout).toContain('{ id: 1, balance: 90 }')
    expect(stdout).toContain('{ id: 2, balance: 10 }')
  } finally {
    await rm(file)
    await database.close()
  }
})
