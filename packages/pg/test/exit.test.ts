import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { beforeAll, expect, it, vi } from 'vitest'
import { createDatabase } from './compare.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

it.each([
  [
    'an idle pool with allowExitOnIdle',
    'const pool = new pg.Pool({ connectionString, allowExitOnIdle: true, ...reprise() }); await pool.query("SELECT 1")',
  ],
  [
    'a client that was unref()ed',
    'const client = new (reprise().Client)(connectionString); await client.connect(); await client.query("SELECT 1"); client.unref()',
  ],
  [
    'a client that was unref()ed, after it was mended',
    `const client = new (reprise().Client)(connectionString); await client.connect(); client.unref();
   const other = new pg.Client(connectionString); await other.connect(); await other.query("SELECT pg_terminate_backend($1, 5000)", [client.processID])
   const [{ rows }] = await Promise.all([client.query('SELECT 1 AS a'), other.query('SELECT pg_sleep(0.2)')])
   if (rows[0].a !== 1) process.exitCode = 1
   await other.end()`,
  ],
])('%s lets the process exit', async (_name, program) => {
  const whole = `import pg from 'pg'; import { reprise } from '@reprise/pg'; const connectionString = ${JSON.stringify(url)}; ${program}`
  const child = spawn(
    process.execPath,
    ['--conditions=@reprise/source', '--input-type=module', '-e', whole],
    {
      cwd: new URL('..', import.meta.url),
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 15_000,
    },
  )
  expect(await once(child, 'exit')).toEqual([0, null])
})

it("a callback that throws is the application's own crash, and the session survives it", async () => {
  const program = `import { reprise } from '@reprise/pg'
    let thrown = 0
    process.on('uncaughtException', (error) => { if (error.message !== 'mine') throw error; thrown++ })
    const client = new (reprise().Client)(${JSON.stringify(url)})
    await client.connect()
    client.query('SELECT 1', () => { throw new Error('mine') })
    client.query('SELECT 1/0', () => { throw new Error('mine') })
    const { rows } = await client.query('SELECT 2 AS a')
    await client.end()
    process.exit(thrown === 2 && rows[0].a === 2 ? 0 : 1)`
  const child = spawn(
    process.execPath,
    ['--conditions=@reprise/source', '--input-type=module', '-e', program],
    {
      cwd: new URL('..', import.meta.url),
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 15_000,
    },
  )
  expect(await once(child, 'exit')).toEqual([0, null])
})
