import { PrismaPg } from '@prisma/adapter-pg'
import { diagnose } from '@reprise/core'
import { type RepriseOptions, reprise } from '@reprise/pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { FakeServer } from '../../../test/kit/index.ts'
import { type Client, type Generated, generated, Shop } from './shop/shop.ts'

/** Prisma on a pool that took the line of @reprise/pg, with no door. */
let shop: Shop
let PrismaClient: Generated['PrismaClient']
const open: Client[] = []

beforeAll(async () => {
  PrismaClient = (await generated()).PrismaClient
  shop = await Shop.create(inject('serverUrl'))
})
afterAll(async () => {
  for (const client of open) await client.$disconnect()
  await shop?.close()
})

function lined(connectionString: string, options?: RepriseOptions): Client {
  const config = { connectionString, ...(options && reprise(options)) }
  const client = new PrismaClient({ adapter: new PrismaPg(config as { connectionString: string }) })
  open.push(client)
  return client
}

test.each([
  ['an operation', true],
  ['COMMIT', false],
])(
  'a divergence that %s finds is diagnosed, although Prisma calls it a conflict',
  async (_, op) => {
    const failing = lined(shop.url, {}).$transaction(async (tx) => {
      await tx.$queryRaw`select random()`
      await shop.killAll()
      if (op) await tx.entry.create({ data: { token: 'never', amount: 1 } })
    })
    const error = await failing.catch((reason) => reason)
    expect(error).not.toHaveProperty('outcome')
    expect(diagnose(error)).toMatchObject({
      condition: 'admin_shutdown',
      sqlstate: '57P01',
      outcome: 'rolled-back',
      evidence: 'wrapper',
      advice: expect.stringContaining('rerunnable()'),
    })
  },
)

test.each(['40001', '40P01'])('a conflict (%s) is no loss', async (code) => {
  const failing = lined(shop.url, {}).$transaction(async (tx) => {
    await tx.$executeRawUnsafe(`do $$ begin raise 'conflict' using errcode = '${code}'; end $$`)
  })
  expect(diagnose(await failing.catch((reason) => reason))).toBeUndefined()
})

test('a server that does not listen has the code that Prisma gives it', async () => {
  const server = await FakeServer.start((peer) => peer.hang())
  await server.close()
  const [plain, ours] = [lined(server.url), lined(server.url, { deadline: 100 })]
  const failures = [plain, ours].map((client) => client.account.count().catch((error) => error))
  const [theirs, told] = await Promise.all(failures)
  expect(theirs).toMatchObject({ code: 'P1001' })
  expect(told).toMatchObject({ name: theirs.name, code: theirs.code })
  expect(diagnose(told)).toMatchObject({ outcome: 'not-sent' })
})
