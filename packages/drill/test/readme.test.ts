import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { freePort } from '../../../test/kit/free-port.ts'
import { createDatabase, exampleOf, until } from '../../../test/kit/index.ts'
import { help } from '../src/arguments.ts'
import { run } from './cli.ts'

const readme = join(import.meta.dirname, '../README.md')

it('the application of the README runs as it stands, and notices nothing of a drill', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'reprise-drill-'))
  const program = join(import.meta.dirname, `readme-example-${process.pid}.ts`)
  const port = await freePort()
  // A superuser's backends are spared, so the application has a role of its own.
  const direct = await createDatabase(inject('serverUrl'))
  const admin = new pg.Client(direct)
  await admin.connect()
  await admin.query('CREATE ROLE shopkeeper LOGIN; GRANT CREATE ON SCHEMA public TO shopkeeper')
  const url = direct.replace(/\/\/[^@]*@/, '//shopkeeper@')
  await writeFile(program, await exampleOf(readme))
  const app = spawn(process.execPath, ['--conditions=@reprise/source', program], {
    env: { ...process.env, DATABASE_URL: url, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  app.stderr.on('data', (text) => {
    errors += text
  })
  try {
    const working = async (): Promise<boolean> => {
      const { rows } = await admin.query("SELECT to_regclass('visit') IS NOT NULL AS made")
      return rows[0].made
    }
    await until(working, { what: `the application to work: ${errors}` })
    const ended = await run(
      ...['--url', url, '--application-name', 'shop', '--kill', '5/s', '--for', '2s', '--yes'],
      ...['--counters', `http://127.0.0.1:${port}`, '--report', join(folder, 'drill.html')],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('Nothing surfaced: no caller noticed.')
    expect(errors).toBe('')
  } finally {
    app.kill()
    await Promise.all([rm(program), rm(folder, { recursive: true })])
    await admin
      .query('DROP OWNED BY shopkeeper CASCADE; DROP ROLE shopkeeper')
      .catch(() => undefined)
    await admin.end()
  }
})

it('the README and the help page know the same options', async () => {
  const text = await readFile(readme, 'utf8')
  const named = new Set(text.match(/--[a-z]+(?:-[a-z]+)*/g))
  const helped = new Set(help.match(/--[a-z]+(?:-[a-z]+)*/g))
  expect([...named].sort()).toEqual([...helped].sort())
})
