import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Database } from './database.ts'

const folder = join(import.meta.dirname, '..')
let database: Database
let box: string
beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  await database.sql('alter table account alter balance type int')
  // Where an application that has the packages would be.
  box = await mkdtemp(join(folder, '../../examples/kysely/node_modules/.readme-'))
})
afterAll(async () => {
  await rm(box, { recursive: true })
  await database.close()
})

test('the example of the page runs as it stands', async () => {
  const page = await readFile(join(folder, 'README.md'), 'utf8')
  const [, example = ''] = /```ts\n(.+?)```/s.exec(page) ?? []
  const file = join(box, 'example.mjs')
  await writeFile(file, stripTypeScriptTypes(example))
  const child = spawn(process.execPath, ['--conditions=@reprise/source', file], {
    env: { ...process.env, DATABASE_URL: database.url },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  expect((await once(child, 'exit'))[0]).toBe(0)
  expect(await database.sql('select balance from account where id = 1')).toEqual([{ balance: 110 }])
})
