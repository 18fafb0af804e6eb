import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { diagnose, type RepriseOptions, reprise, repriseAdapter } from '../src/index.ts'
import { isCommit, Proxied } from './shop/proxied.ts'
import { type Client, type Generated, generated, Shop } from './shop/shop.ts'

let shop: Shop
let generatedModule: Generated
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  generatedModule = await generated()
  shop = await Shop.create(inject('serverUrl'))
})
afterAll(() => shop?.close())
beforeEach(() => shop.refill())
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function client(options?: RepriseOptions): Promise<Proxied> {
  const proxied = await Proxied.open(shop, options, 2)
  open.push(proxied)
  return proxied
}

/** Kills the backend of a statement that waits for a lock, once it waits. */
async function killedWhileWaiting(work: () => Promise<unknown>): Promise<unknown> {
  const release = await shop.lock()
  try {
    const ended = work().then(
      () => undefined,
      (error) => error,
    )
    await until(() => shop.isWaiting())
    await shop.killAll()
    return await ended
  } finally {
    await release()
  }
}

// An operator who kills a statement gets his will at once: the plainest way to see losses surface.
const surfacing: RepriseOptions = { operatorAfter: 0 }

const phases: Readonly<Record<string, { work: (p: Client) => Promise<unknown>; code: string }>> = {
  'a raw query in flight': { work: (p) => p.$queryRaw`select * from account`, code: 'P2010' },
  'an operation in flight': { work: (p) => p.account.count(), code: 'P2039' },
  'a nested write in flight': {
    work: (p) =>
      p.entry.create({ data: { token: 't', amount: 1, tags: { create: { name: 't' } } } }),
    code: 'P2039',
  },
  'an operation of a callback in flight': {
    work: (p) => p.$transaction((tx) => tx.account.count()),
    code: 'P2039',
  },
  'an operation of an array in flight': {
    work: (p) => p.$transaction([p.tag.count(), p.account.count()]),
    code: 'P2039',
  },
}

describe('a loss that is not mended has one shape', () => {
  const shape = (code: string): object => ({
    name: 'PrismaClientKnownRequestError',
    code,
    outcome: 'rolled-back',
    condition: 'admin_shutdown',
    sqlstate: '57P01',
    reason: 'operator',
    clientVersion: '7.10.0',
    advice: expect.stringContaining('pg_cancel_backend'),
    cause: expect.objectContaining({ outcome: 'rolled-back', code: '57P01' }),
  })

  test.each(Object.entries(phases))('in %s', async (_phase, { work, code }) => {
    const { client: prisma } = await client(surfacing)
    const error = await killedWhileWaiting(() => work(prisma))
    expect(error).toMatchObject(shape(code))
    expect(error).toBeInstanceOf(generatedModule.Prisma.PrismaClientKnownRequestError)
    expect(diagnose(error)).toMatchObject({ condition: 'admin_shutdown', outcome: 'rolled-back' })
  })

  test('between two statements', async () => {
    const { client: prisma } = await client({ replay: 'off' })
    const failing = prisma.$transaction(async (tx) => {
      await tx.account.count()
      await shop.killAll()
      await tx.account.count()
    })
    await expect(failing).rejects.toMatchObject({
      ...shape('P2039'),
      reason: 'replay-off',
      advice: expect.any(String),
    })
  })

  test.each([
    [
      'a callback',
      (p: Client) => p.$transaction((tx) => tx.entry.create({ data: { token: 't', amount: 1 } })),
    ],
    [
      'an array',
      (p: Client) =>
        p.$transaction([p.entry.create({ data: { token: 't', amount: 1 } }), p.tag.count()]),
    ],
  ])('at the COMMIT of %s, in doubt when nothing can tell', async (_form, work) => {
    const proxied = await client({ witness: 'off' })
    const { error } = await proxied.run(work, isCommit, 0, () => 'swallow')
    expect(error).toMatchObject({
      name: 'PrismaClientKnownRequestError',
      code: 'P2039',
      outcome: 'in-doubt',
      sqlstate: '08007',
      cause: { code: '08007' },
    })
    expect(await shop.sql(`select from entry where token = 't'`)).toHaveLength(1)
  })
})

test('COMMIT answered by ROLLBACK is an error, and is not run again', async () => {
  const { client: prisma } = await client()
  const failing = prisma.$transaction(async (tx) => {
    await tx.entry.create({ data: { token: 'gone', amount: 1 } })
    await tx.$queryRaw`select 1 / 0`.catch(() => undefined)
  })
  await expect(failing).rejects.toMatchObject({
    name: 'PrismaClientKnownRequestError',
    outcome: 'rolled-back',
    condition: 'transaction_rollback',
    sqlstate: '40000',
  })
  expect(await shop.sql(`select from entry where token = 'gone'`)).toHaveLength(0)
})

test('an error of the application is handed back as it is', async () => {
  const { client: prisma } = await client()
  const mine = Object.assign(new Error('mine'), { code: 'ECONNRESET' })
  const failing = prisma.$transaction(async () => {
    throw mine
  })
  await expect(failing).rejects.toBe(mine)
  expect(Object.keys(mine)).toEqual(['code'])
  await expect(prisma.tag.create({ data: { name: 'old' } })).rejects.toMatchObject({
    code: 'P2002',
  })
  const duplicate = await prisma.tag.create({ data: { name: 'old' } }).catch((error) => error)
  expect(duplicate).not.toHaveProperty('outcome')
  expect(diagnose(duplicate)).toBeUndefined()
})

describe('while the server is down', () => {
  let server: Server
  let down: Shop
  let prisma: Client

  beforeAll(async () => {
    server = await Server.start()
    down = await Shop.create(server.url)
    await down.close()
    prisma = new generatedModule.PrismaClient({
      adapter: repriseAdapter({ connectionString: down.url }, { deadline: 20_000 }),
    }).$extends(reprise())
  })
  afterAll(async () => {
    await prisma?.$disconnect()
    await server?.dispose()
  })

  test('maxWait and timeout end the wait, and the timeout says what was lost', async () => {
    await prisma.account.count()
    let from = 0
    const late = await prisma
      .$transaction(
        async (tx) => {
          await tx.account.count()
          await server.stop('fast')
          from = performance.now()
          await tx.account.count()
        },
        { timeout: 3000 },
      )
      .catch((error) => error)
    expect(performance.now() - from).toBeLessThan(10_000)
    expect(late).toMatchObject({ name: 'PrismaClientKnownRequestError', outcome: 'rolled-back' })
    expect(late.message).toContain('connection lost')

    const began = performance.now()
    const never = prisma.$transaction((tx) => tx.account.count(), { maxWait: 300 })
    await expect(never).rejects.toMatchObject({ code: 'P2028' })
    expect(performance.now() - began).toBeLessThan(10_000)
    await server.start()
    expect(await prisma.account.count()).toBe(10)
  })

  test('work waits for a restart', async () => {
    await server.stop('fast')
    const waiting = [
      prisma.account.count(),
      prisma.$transaction([prisma.account.count()], { maxWait: 20_000 }),
    ]
    await server.start()
    expect(await Promise.all(waiting)).toEqual([10, [10]])
  })
})
