import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exactAudit, Killer, Ledger, Server } from '../../../test/kit/index.ts'

const main = join(import.meta.dirname, '../../../examples/mikro-orm/main.ts')

let server: Server
let ledger: Ledger
let application: ChildProcess
let url: string
const complaints: string[] = []

beforeAll(async () => {
  server = await Server.start()
  ledger = await Ledger.create(server, await server.createDatabase())
  application = spawn(process.execPath, ['--conditions=@reprise/source', main], {
    env: { ...process.env, DATABASE_URL: ledger.url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  application.stderr?.on('data', (text) => complaints.push(String(text)))
  for await (const line of createInterface({ input: application.stdout! })) {
    const port = /listening on (\d+)/.exec(line)?.[1]
    if (port === undefined) continue
    url = `http://127.0.0.1:${port}`
    break
  }
})

afterAll(async () => {
  if (application?.exitCode === null) {
    application.kill()
    await once(application, 'exit')
  }
  await server?.dispose()
})

/** One transfer over HTTP; the ledger is told what the application was told. */
async function transfer(source: number, target: number): Promise<number> {
  const order = { token: randomUUID(), source, target, amount: 1 }
  const response = await fetch(`${url}/transfers`, { method: 'POST', body: JSON.stringify(order) })
  if (response.status === 201) ledger.acknowledged(order.token)
  else ledger.rejected(order.token, await response.json().catch(() => new Error('no answer')))
  return response.status
}

/** As many transfers at once as there are accounts, until `enough`. */
async function transfers(enough: () => boolean): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  const client = async (own: number): Promise<void> => {
    for (let next = own; !enough(); next++) {
      const [source, target] = [own, 1 + ((own + (next % 9)) % 10)]
      if (source === target) continue
      const status = await transfer(source, target)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 10 }, (_, at) => client(at + 1)))
  return statuses
}

test('the example makes every transfer once while its backends are killed and its server restarts', async () => {
  const killer = new Killer(server, { everyMs: 40, database: ledger.url, seed: 1 })
  killer.start()
  let restarted = false
  const statuses = transfers(() => killer.kills >= 40 && restarted)
  await server.restart('fast')
  restarted = true
  const answers = await statuses
  await killer.stop()
  const audit = await ledger.audit()
  expect(audit).toMatchObject(exactAudit)
  expect(Object.keys(answers)).toEqual(['201'])
  expect(application.exitCode).toBeNull()
})

test('it answers what it was asked wrongly, and stops when told', async () => {
  expect((await fetch(`${url}/transfers`, { method: 'POST', body: '{' })).status).toBe(400)
  expect(await transfer(1, 999)).toBe(404)
  expect((await fetch(`${url}/accounts`)).status).toBe(200)
  application.kill()
  expect(await once(application, 'exit')).toEqual([0, null])
  expect(complaints).toEqual([])
})
