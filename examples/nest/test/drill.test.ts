import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { INestApplication } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { counters } from '@reprise/typeorm'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { run } from '../../../packages/drill/test/cli.ts'
import { Server, until } from '../../../test/kit/index.ts'
import { AppModule } from '../src/app.module.ts'

let server: Server
let app: INestApplication
let url: string
const report = join(tmpdir(), `nest-drill-${process.pid}.html`)

beforeAll(async () => {
  server = await Server.start()
  // The drill touches no superuser's backends, so the application has a role of its own.
  await server.sql('CREATE ROLE bank LOGIN')
  await server.sql('GRANT ALL ON SCHEMA public TO bank')
  process.env.DATABASE_URL = server.url.replace('postgres@', 'bank@')
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile()
  app = module.createNestApplication({ logger: false })
  await app.listen(0, '127.0.0.1')
  url = await app.getUrl()
})
afterAll(async () => {
  await app?.close()
  await server?.dispose()
  await rm(report, { force: true })
})
beforeEach(async () => {
  await server.sql('TRUNCATE account, transfer')
  await server.sql('INSERT INTO account SELECT id, 1000 FROM generate_series(1, 10) id')
})

function transfer(source: number, target: number, amount = 1): Promise<Response> {
  const token = randomUUID()
  return fetch(`${url}/transfers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': token },
    body: JSON.stringify({ token, source, target, amount }),
  })
}

test('a transfer is made in the context of its request', async () => {
  const response = await transfer(1, 2, 10)
  expect(response.status).toBe(201)
  const made = (await response.json()) as { id: number; token: string; requestId: string }
  expect(made.requestId).toBe(made.token)
  expect(await server.sql('SELECT balance FROM account ORDER BY id LIMIT 2')).toEqual([
    { balance: 990 },
    { balance: 1010 },
  ])
  expect((await transfer(1, 2, 5000)).status).toBe(409)
})

test('the drill: every request is answered while the backends are terminated, each row is there once', async () => {
  const answers: { status: number; id: number; outcome?: string; advice?: string }[] = []
  let over = false
  const drill = async (): Promise<void> => {
    for (let round = 1; round <= 30; round++) {
      const before = answers.length
      await until(() => answers.length > before)
      await server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bank'",
      )
    }
    over = true
  }
  const worker = async (from: number): Promise<void> => {
    while (!over) {
      const response = await transfer(from, (from % 10) + 1)
      answers.push({ status: response.status, ...((await response.json()) as { id: number }) })
    }
  }
  await Promise.all([drill(), ...[1, 2, 3, 4].map(worker)])
  expect(answers.filter(({ status }) => status !== 201)).toEqual([])
  const rows = await server.sql(
    'SELECT id FROM transfer WHERE token::text = "requestId" ORDER BY id',
  )
  expect(rows.map(({ id }) => id)).toEqual(answers.map(({ id }) => id).sort((a, b) => a - b))
  expect(await server.sql('SELECT sum(balance)::int, count(*)::int FROM account')).toEqual([
    { sum: 10_000, count: 10 },
  ])
})

test('the drill of @reprise/drill reads what it counts: nothing surfaced, no request failed', async () => {
  const before = counters('bank')
  const statuses: number[] = []
  let over = false
  const worker = async (from: number): Promise<void> => {
    while (!over) statuses.push((await transfer(from, (from % 10) + 1)).status)
  }
  const load = Promise.all([1, 2, 3, 4].map(worker))
  const drill = run(
    ...['--url', String(process.env.DATABASE_URL), '--application-name', 'bank', '--yes'],
    ...['--kill', '20/s', '--for', '2s', '--counters', `${url}/counters`],
    ...['--report', report],
  )
  const { code, stdout, stderr } = await drill.finally(() => {
    over = true
  })
  await load
  expect(stderr).toBe('')
  expect(stdout).toContain('Nothing surfaced: no caller noticed.')
  expect(code).toBe(0)
  expect(new Set(statuses)).toEqual(new Set([201]))
  expect(counters('bank').mended).toBeGreaterThan(before.mended)
})

test('its health is told at once while the server is down, and a request waits until it is back', async () => {
  expect((await fetch(`${url}/health`)).status).toBe(200)
  await server.stop('fast')
  const down = await fetch(`${url}/health`)
  expect(down.status).toBe(503)
  expect(await down.json()).toMatchObject({ outcome: 'not-sent' })
  const waiting = transfer(1, 2)
  await server.start()
  expect((await waiting).status).toBe(201)
  expect((await fetch(`${url}/health`)).status).toBe(200)
})
