import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { exactAudit, Ledger, Server } from '../kit/index.ts'
import { ObservedClient } from './observed-client.ts'

let server: Server
let ledger: Ledger
let client: ObservedClient

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  const url = await server.createDatabase()
  ledger = await Ledger.create(server, url, { accounts: 4 })
  client = await ObservedClient.open(url)
  return () => client.end()
})

async function transfer(token: string = randomUUID()): Promise<string> {
  await client.query('begin')
  await client.query('update account set balance = balance - 7, version = version + 1 where id = 1')
  await client.query('update account set balance = balance + 7, version = version + 1 where id = 2')
  await client.query('insert into transfer values ($1, 1, 2, 7)', [token])
  await client.query('commit')
  return token
}

const clean = {
  acknowledged: 0,
  rejected: 0,
  ...exactAudit,
}

test('a run in which nothing went wrong', async () => {
  expect(await ledger.audit()).toEqual(clean)
  for (let i = 0; i < 3; i++) ledger.acknowledged(await transfer())
  ledger.rejected(randomUUID(), new Error('no'))
  expect(await ledger.audit()).toEqual({ ...clean, acknowledged: 3, rejected: 1 })
  expect(ledger.accounts).toBe(4)
})

test('a write that was done twice', async () => {
  ledger.acknowledged(await transfer(await transfer()))
  expect(await ledger.audit()).toEqual({ ...clean, acknowledged: 1, duplicated: 1 })
})

test('a write that was lost, by success or by a false word of an error', async () => {
  ledger.acknowledged(randomUUID())
  ledger.rejected(randomUUID(), { outcome: 'committed' })
  ledger.rejected(randomUUID(), { outcome: 'in-doubt' })
  expect(await ledger.audit()).toEqual({ ...clean, acknowledged: 1, rejected: 2, lost: 2 })
})

test('a write that went down with its server', async () => {
  const [there, gone] = [await transfer(), randomUUID()]
  ledger.acknowledged(there)
  ledger.acknowledged(gone)
  ledger.rejected(randomUUID(), { outcome: 'committed' })
  const expected = { ...clean, acknowledged: 2, rejected: 1, lost: 1, lostByServer: 1 }
  expect(await ledger.audit(new Set([there, gone]))).toEqual(expected)
})

test('a write that was done although its client was told otherwise', async () => {
  ledger.rejected(await transfer(), new Error('x', { cause: { outcome: 'in-doubt' } }))
  ledger.rejected(await transfer(), { outcome: 'committed' })
  ledger.rejected(await transfer(), { outcome: 'rolled-back' })
  ledger.rejected(await transfer(), new Error('Connection terminated unexpectedly'))
  const appliedThoughRejected = { honest: 2, dishonest: 2 }
  expect(await ledger.audit()).toEqual({ ...clean, rejected: 4, appliedThoughRejected })
})

test('the last word counts, in whatever case the token is written', async () => {
  const token = await transfer()
  ledger.rejected(token, new Error('the first try'))
  ledger.acknowledged(token.toUpperCase())
  expect(await ledger.audit()).toEqual({ ...clean, acknowledged: 1 })
})

test('a write that nobody was told of', async () => {
  await transfer()
  expect(await ledger.audit()).toEqual({ ...clean, unreported: 1 })
})

test('a sum that is not kept', async () => {
  await client.query('update account set balance = balance + 1 where id = 3')
  expect(await ledger.audit()).toEqual({ ...clean, sumKept: false, explained: false })
})

test('half a transfer, where the sum is kept', async () => {
  const token = await transfer()
  ledger.acknowledged(token)
  await client.query('delete from transfer')
  const audit = await ledger.audit()
  expect(audit).toEqual({ ...clean, acknowledged: 1, lost: 1, explained: false })
})
