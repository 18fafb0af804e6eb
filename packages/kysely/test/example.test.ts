import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Counters } from '@reprise/kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exactAudit, Killer, Ledger, Server } from '../../../test/kit/index.ts'

let server: Server
let ledger: Ledger
let example: ChildProcess
let port: string
beforeAll(async () => {
  server = await Server.start()
  const url = await server.createDatabase()
  ledger = await Ledger.create(server, url, { accounts: 4 })
  const main = join(import.meta.dirname, '../../../examples/kysely/main.ts')
  example = spawn(process.execPath, ['--conditions=@reprise/source', main], {
    env: { ...process.env, DATABASE_URL: url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: example.stdout! })
  const [line] = (await once(lines, 'line')) as [string]
  port = line.replace('listening on ', '')
})
afterAll(async () => {
  if (example.exitCode === null && example.signalCode === null) {
    const gone = once(example, 'exit')
    example.kill('SIGKILL')
    await gone
  }
  await server.dispose()
})

interface Reply {
  readonly status: number
  readonly content: { readonly outcome?: string }
}

async function post(order: unknown): Promise<Reply> {
  const response = await fetch(`http://127.0.0.1:${port}/transfers`, {
    method: 'POST',
    body: JSON.stringify(order),
  })
  return { status: response.status, content: (await response.json()) as Reply['content'] }
}

/** Sends transfers from a few callers at once, as many as that. */
async function send(count: number): Promise<Reply[]> {
  const replies: Reply[] = []
  let left = count
  const caller = async (source: number): Promise<void> => {
    while (left-- > 0) {
      const token = crypto.randomUUID()
      const reply = await post({ token, source, target: (source % 4) + 1, amount: 1 })
      replies.push(reply)
      if (reply.status === 200) ledger.acknowledged(token)
      else ledger.rejected(token, reply.content)
    }
  }
  await Promise.all([1, 2, 3, 4].map(caller))
  return replies
}

test('every transfer is made once while backends are killed and the server is restarted', async () => {
  const killer = new Killer(server, { everyMs: 40, seed: 7 })
  killer.start()
  const killed = await send(120)
  expect(await killer.stop()).toBeGreaterThan(0)
  const [restarted] = await Promise.all([send(80), server.restart('fast')])
  const [crashed] = await Promise.all([send(80), server.restart('immediate')])
  const statuses = [...killed, ...restarted, ...crashed].map(({ status }) => status)
  expect(statuses).toEqual(statuses.map(() => 200))
  expect(await ledger.audit()).toEqual({
    acknowledged: 280,
    rejected: 0,
    ...exactAudit,
  })
})

test('it counts what was lost and mended, and nothing that surfaced', async () => {
  const response = await fetch(`http://127.0.0.1:${port}/counters`)
  const told = (await response.json()) as Counters
  expect(told).toMatchObject({
    mended: expect.any(Number),
    surfaced: { 'not-sent': 0, 'rolled-back': 0, committed: 0, 'in-doubt': 0 },
  })
  expect(told.losses).toBeGreaterThan(0)
})

test('a transfer that cannot be is refused, and nothing moves', async () => {
  const token = crypto.randomUUID()
  const tooMuch = await post({ token, source: 1, target: 2, amount: 1_000_000 })
  expect(tooMuch).toEqual({ status: 400, content: { error: 'not enough money' } })
  expect((await post({ token, source: 1, target: 99, amount: 1 })).status).toBe(400)
  expect((await post({ token })).status).toBe(400)
  expect((await ledger.audit()).explained).toBe(true)
})

test('it goes when it is told to', async () => {
  const gone = once(example, 'exit')
  example.kill('SIGTERM')
  expect((await gone)[0]).toBe(0)
})
