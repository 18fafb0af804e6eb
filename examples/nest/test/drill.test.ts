import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import type { INestApplication } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { AppModule } from '../src/app.module.ts'

let server: Server
let app: INestApplication
let url: string

beforeAll(async () => {
  server = await Server.start()
  process.env.DATABASE_URL = server.url
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile()
  app = module.createNestApplication({ logger: false })
  await app.listen(0, '127.0.0.1')
  url = await app.getUrl()
})
afterAll(async () => {
  await app?.close()
  await server?.dispose()
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
