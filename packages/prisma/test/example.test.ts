import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exactAudit, Killer, Ledger, Server } from '../../../test/kit/index.ts'
import { runGenerator } from '../../../test/subjects/prisma/generate.ts'

const folder = join(import.meta.dirname, '../../../examples/prisma')
let server: Server
let ledger: Ledger
let app: ChildProcess
let address: string

beforeAll(async () => {
  await runGenerator(folder, 'prisma/schema.prisma')
  server = await Server.start()
  ledger = await Ledger.create(server, await server.createDatabase())
  const client = new pg.Client({ connectionString: ledger.url })
  await client.connect()
  await client.query('alter table transfer add column serial serial primary key')
  await client.end()
  app = spawn(process.execPath, ['--conditions=@reprise/source', 'main.ts'], {
    cwd: folder,
    env: { ...process.env, DATABASE_URL: ledger.url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(app.stdout!), 'line')
  address = `${line}/transfer`
})
afterAll(async () => {
  app?.kill()
  await server?.dispose()
})

async function transfer(token: string): Promise<Response> {
  const source = 1 + Math.floor(Math.random() * 10)
  const target = 1 + (source % 10)
  return fetch(address, {
    method: 'POST',
    body: JSON.stringify({ token, source, target, amount: 1 }),
  })
}

test('the example compiles', async () => {
  const tsc = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin/tsc',
  )
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '--project', folder]).catch(
    (error) => error,
  )
  expect(stdout).toBe('')
})

test('the example moves money while its backends are killed and its server restarts', {
  timeout: 90_000,
}, async () => {
  const killer = new Killer(server, { everyMs: 30, database: ledger.url, seed: 7 })
  let done = 0
  const worker = async (): Promise<void> => {
    while (done < 300) {
      done += 1
      const token = randomUUID()
      const response = await transfer(token)
      const body = await response.json()
      if (response.status === 201) ledger.acknowledged(token)
      else ledger.rejected(token, body)
      expect(body).toMatchObject({ id: expect.any(Number) })
    }
  }
  killer.start()
  const workers = Promise.all(Array.from({ length: 8 }, worker))
  await server.restart('fast')
  await workers
  expect(await killer.stop()).toBeGreaterThan(0)
  expect(await ledger.audit()).toMatchObject({
    rejected: 0,
    ...exactAudit,
  })
  expect(app.exitCode).toBeNull()
})

test('the example tells what it was asked wrongly, and ends when told to', async () => {
  const wrong = await fetch(address, { method: 'POST', body: '{"token":1}' })
  expect([wrong.status, await wrong.json()]).toEqual([422, { error: 'token must be a uuid' }])
  const poor = await fetch(address, {
    method: 'POST',
    body: JSON.stringify({ token: randomUUID(), source: 1, target: 2, amount: 1_000_000 }),
  })
  expect(poor.status).toBe(422)
  app.kill('SIGTERM')
  expect(await once(app, 'exit')).toEqual([0, null])
})
