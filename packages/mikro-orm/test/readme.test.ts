import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { Database } from './database.ts'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')

test('the example of the README runs, with its connection lost and without', async () => {
  await using database = await Database.create(inject('serverUrl'))
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  expect(code).toBeDefined()
  // Beside the sources, so that it finds what they find.
  const file = join(import.meta.dirname, 'readme.example.ts')
  writeFileSync(file, String(code))
  try {
    const run = async (): Promise<string> => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--conditions=@reprise/source', file],
        { env: { ...process.env, DATABASE_URL: database.url, NO_COLOR: '1' } },
      )
      return stdout
    }
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
  } finally {
    rmSync(file)
  }
})
