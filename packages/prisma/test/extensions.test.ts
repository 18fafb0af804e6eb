import { readReplicas } from '@prisma/extension-read-replicas'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { reprise, repriseAdapter, rerunnable } from '../src/index.ts'
import { Proxied } from './shop/proxied.ts'
import { type Client, type Generated, generated, Shop } from './shop/shop.ts'

let shop: Shop
let PrismaClient: Generated['PrismaClient']
const open: Client[] = []

beforeAll(async () => {
  PrismaClient = (await generated()).PrismaClient
  shop = await Shop.create(inject('serverUrl'))
})
beforeEach(() => shop.refill())
afterAll(async () => {
  for (const client of open) await client.$disconnect()
  await shop?.close()
})

function plain(options: object = {}): Client {
  const client = new PrismaClient({ adapter: repriseAdapter(shop.url), ...options })
  open.push(client)
  return client
}

const times = async (token: string): Promise<number> =>
  (await shop.sql('select from entry where token = $1', [token])).length

/** An extension of every kind, that counts what passes through it. */
function other(seen: string[]): object {
  return {
    model: { account: { rich: (): string => 'rich' } },
    result: {
      account: {
        doubled: { needs: { balance: true }, compute: (a: { balance: number }) => a.balance * 2 },
      },
    },
    client: { $hello: (): string => 'hello' },
    query: {
      $allOperations({
        operation,
        args,
        query,
      }: {
        operation: string
        args: unknown
        query: (a: unknown) => unknown
      }) {
        seen.push(operation)
        return query(args)
      },
    },
  }
}

describe.each([
  ['before', (client: Client, seen: string[]) => client.$extends(other(seen)).$extends(reprise())],
  ['behind', (client: Client, seen: string[]) => client.$extends(reprise()).$extends(other(seen))],
])('with other extensions %s it', (_order, extend) => {
  test('mends and runs again, and they all still work, inside transactions, too', async () => {
    const seen: string[] = []
    const prisma = extend(plain(), seen) as Client & { $hello(): string }
    let runs = 0
    const answer = await prisma.$transaction(
      rerunnable(async (tx) => {
        runs += 1
        await tx.$queryRaw`select random()`
        if (runs === 1) await shop.killAll()
        expect((tx.account as unknown as { rich(): string }).rich()).toBe('rich')
        return tx.account.findUnique({ where: { id: 1 } })
      }),
    )
    expect(runs).toBe(2)
    expect(answer.doubled).toBe(2000)
    expect(seen).toContain('findUnique')
    expect(prisma.$hello()).toBe('hello')
    const [first] = await prisma.$transaction([prisma.account.findFirst(), prisma.account.count()])
    expect(first.doubled).toBe(first.balance * 2)
  })
})

test.each([
  ['of the client itself', (client: Client) => client.$extends(reprise())],
  ['of one that was extended before', (c: Client) => c.$extends(other([])).$extends(reprise())],
])('$on hears what happens, as its type has it: %s', async (_whose, extend) => {
  const prisma = extend(plain({ log: [{ emit: 'event', level: 'query' }] }))
  const seen: string[] = []
  const listening = prisma.$on('query', ({ query }) => seen.push(query))
  expect(listening).toBe(prisma)
  await prisma.$queryRaw`select 'heard'`
  await prisma.$transaction(async (tx) => tx.account.count())
  expect(seen[0]).toContain("select 'heard'")
  expect(seen.at(-1)).toBe('COMMIT')
})

test('shows what the client showed to who looks through it or copies it', () => {
  const [base, prisma] = [plain().$extends({}), plain().$extends(reprise())]
  expect(Object.keys(prisma).sort()).toEqual(['$on', ...Object.keys(base)].sort())
  expect(prisma instanceof PrismaClient).toBe(base instanceof PrismaClient)
  expect('account' in prisma).toBe(true)
  expect(typeof Object.assign({}, prisma).account.count).toBe('function')
})

test('an extension behind it that fails after the work was done does not have it done again', async () => {
  const failing = plain()
    .$extends(reprise())
    .$extends({
      query: {
        entry: {
          async create({
            args,
            query,
          }: {
            args: unknown
            query: (a: unknown) => Promise<unknown>
          }) {
            await query(args)
            throw Object.assign(new Error('too late'), { code: '40001' })
          },
        },
      },
    })
  await expect(failing.entry.create({ data: { token: 'single', amount: 1 } })).rejects.toThrow(
    'too late',
  )
  expect(await times('single')).toBe(1)
  // The read comes first in its tick, and so the batch is sent in its name.
  const [read, batch] = await Promise.allSettled([
    failing.account.findUnique({ where: { id: 1 } }),
    failing.$transaction([
      failing.account.count(),
      failing.entry.create({ data: { token: 'batch', amount: 1 } }),
    ]),
  ])
  expect(read.status).toBe('fulfilled')
  expect(batch).toMatchObject({ status: 'rejected', reason: { message: 'too late' } })
  expect(await times('batch')).toBe(1)
})

test('an extension that wraps operations in batches of its own is run again with them', async () => {
  const base = plain()
  const prisma = base.$extends(reprise()).$extends({
    query: {
      $allModels: {
        async $allOperations({
          args,
          query,
        }: {
          args: unknown
          query: (a: unknown) => Promise<unknown>
        }) {
          const [, result] = await base.$transaction([
            base.$executeRaw`select set_config('app.user', 'me', true)`,
            query(args),
          ])
          return result
        },
      },
    },
  })
  await shop.sql(`create function me() returns trigger language plpgsql as
    'begin new.token = current_setting(''app.user''); return new; end';
    create trigger me before insert on entry for each row execute function me()`)
  try {
    await prisma.entry.create({ data: { token: '', amount: 1 } })
    expect(await times('me')).toBe(1)
  } finally {
    await shop.sql('drop function me() cascade')
  }
})

describe('@prisma/extension-read-replicas', () => {
  const replica = (): object => readReplicas({ replicas: [plain() as never] }) as never
  test.each([
    ['behind it', () => plain().$extends(reprise()).$extends(replica())],
    ['before it', () => plain().$extends(replica()).$extends(reprise())],
  ])('works %s', async (_order, make) => {
    const prisma = make()
    expect(await prisma.account.count()).toBe(10)
    await shop.killAll()
    expect(await prisma.account.count()).toBe(10)
    await prisma.$transaction(async (tx) => {
      await tx.account.update({ where: { id: 1 }, data: { balance: 1 } })
      await shop.killAll()
      expect((await tx.account.findUnique({ where: { id: 1 } })).balance).toBe(1)
    })
  })
})

test('$on, $connect and $disconnect are as before', async () => {
  const events: string[] = []
  const base = plain({ log: [{ emit: 'event', level: 'query' }] })
  base.$on('query', ({ query }) => events.push(query))
  const prisma = base.$extends(reprise())
  await prisma.$connect()
  await prisma.$transaction((tx) => tx.account.count())
  expect(events).toEqual([expect.stringContaining('COUNT'), 'COMMIT'])
  await prisma.$disconnect()
  expect(await prisma.account.count()).toBe(10)
})

describe('what ends the process with stock Prisma does not', () => {
  test('a backend that dies as its connection is made', async () => {
    const proxied = await Proxied.open(shop)
    let held = false
    proxied.proxy.onFrame(({ from, type, connection }) => {
      if (held || from !== 'server' || type !== 'Z') return 'pass'
      held = true
      void (async () => {
        await shop.killAll()
        proxied.proxy.connections.find(({ id }) => id === connection)?.resume()
      })()
      return 'hold'
    })
    expect(await proxied.client.account.count()).toBe(10)
    expect(held).toBe(true)
    await proxied.close()
  })

  test('a backend that dies idle after $disconnect from a pool that lives on', async () => {
    const pool = new pg.Pool({ connectionString: shop.url, max: 1 })
    const prisma = new PrismaClient({ adapter: repriseAdapter(pool) }).$extends(reprise())
    expect(await prisma.account.count()).toBe(10)
    await prisma.$disconnect()
    await shop.killAll()
    await until(
      async () =>
        (
          await shop.sql(
            `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
          )
        ).length === 0,
    )
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })
})
