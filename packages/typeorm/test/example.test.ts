import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exactAudit, Killer, Ledger, Server } from '../../../test/kit/index.ts'

let server: Server
let ledger: Ledger
let child: ChildProcess
let url: string
let complaints = ''

beforeAll(async () => {
  server = await Server.start()
  ledger = await Ledger.create(server, await server.createDatabase())
  child = spawn(
    process.execPath,
    [
      '--conditions=@reprise/source',
      join(import.meta.dirname, '../../../examples/typeorm/main.ts'),
    ],
    { env: { ...process.env, DATABASE_URL: ledger.url, PORT: '0' } },
  )
  child.stderr?.on('data', (text) => {
    complaints += text
  })
  const lines = createInterface({ input: child.stdout! })
  for await (const line of lines) {
    url = line
    if (line.startsWith('http')) break
  }
  child.stdout?.resume()
})

afterAll(async () => {
  if (child.exitCode === null) child.kill('SIGKILL')
  await server.dispose()
})

/** Asks for one transfer and tells the ledger what was answered. */
async function ask(source: number, target: number): Promise<void> {
  const token = randomUUID()
  const response = await fetch(`${url}/transfer`, {
    method: 'POST',
    body: JSON.stringify({ token, source, target, amount: 1 }),
  })
  if (response.ok) ledger.acknowledged(token)
  else ledger.rejected(token, await response.json())
}

test('the example keeps its ledger through killed backends and a restart, without one failed request', async () => {
  const killer = new Killer(server, { everyMs: 20, database: ledger.url, seed: 7 })
  killer.start()
  let transfers = 0
  const worker = async (from: number): Promise<void> => {
    while (killer.kills < 60) {
      await ask(from, (from % 10) + 1)
      transfers += 1
    }
  }
  await Promise.all([1, 2, 3, 4].map(worker))
  await killer.stop()
  const before = transfers
  const through = Promise.all([5, 6, 7].map((from) => ask(from, 1)))
  await server.restart('fast')
  await through
  await ask(8, 9)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
  const others = complaints.split('\n').filter((line) => line !== '' && !line.includes('Reprise: '))
  expect(others).toEqual([])
  expect(complaints).toContain('mended')
  expect(await ledger.audit()).toEqual({
    acknowledged: before + 4,
    rejected: 0,
    ...exactAudit,
  })
})
