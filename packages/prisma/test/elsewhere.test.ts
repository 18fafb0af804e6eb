import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { diagnose, rerunnable } from '../src/index.ts'
import { Proxied } from './shop/proxied.ts'
import { type Client, generated, Shop } from './shop/shop.ts'

let shop: Shop
let proxied: Proxied | undefined

beforeAll(async () => {
  shop = await Shop.create(inject('serverUrl'))
})
afterAll(() => shop?.close())
afterEach(() => proxied?.close())

const entry = (token: string): object => ({ data: { token, amount: 1 } })

/** An extension that writes of everything that is created, as a query of its own. */
const audited = (prisma: Client): Client =>
  prisma.$extends({
    query: {
      entry: {
        async create({ args, query }: { args: object; query(args: object): Promise<unknown> }) {
          const made = await query(args)
          await prisma.tag.create({ data: { name: 'audit' } })
          return made
        },
      },
    },
  })

const withOuter =
  (outer: (prisma: Client) => Promise<unknown>) =>
  (prisma: Client) =>
  async (tx: Client): Promise<unknown> => {
    await tx.entry.create(entry('inside'))
    await outer(prisma)
    return tx.entry.create(entry('last'))
  }

const writing = withOuter((prisma) => prisma.entry.create(entry('outside')))
const transacting = withOuter((prisma) =>
  prisma.$transaction((other) => other.entry.create(entry('outside'))),
)
const batching = withOuter((prisma) =>
  prisma.$transaction([prisma.entry.create(entry('a')), prisma.entry.create(entry('b'))]),
)
const raw = withOuter(
  (prisma) => prisma.$executeRaw`insert into entry (token, amount) values ('raw', 1)`,
)

const calls: Readonly<Record<string, (prisma: Client) => Promise<unknown>>> = {
  'a transaction that writes by the outer client': (prisma) => prisma.$transaction(writing(prisma)),
  'a rerunnable one that writes by the outer client': (prisma) =>
    prisma.$transaction(rerunnable(writing(prisma))),
  'a transaction with one of the outer client in it': (prisma) =>
    prisma.$transaction(transacting(prisma)),
  'a transaction with a batch of the outer client in it': (prisma) =>
    prisma.$transaction(batching(prisma)),
  'a transaction with raw SQL of the outer client in it': (prisma) =>
    prisma.$transaction(raw(prisma)),
  'an operation of which an extension makes two': (prisma) =>
    audited(prisma).entry.create(entry('one')),
}

test.each(Object.entries(calls))('%s says what became of all of it', async (_, call) => {
  const { Prisma } = await generated()
  proxied = await Proxied.open(shop, { deadline: 150, backoff: { base: 1, cap: 5 } }, 2)
  const { client, proxy } = proxied
  let at = 0
  let writes = 0
  proxy.onFrame(({ from, type, text }) => {
    if (from !== 'client' || (type !== 'Q' && type !== 'P')) return 'pass'
    if (!/^(insert|commit)/i.test(text) || ++writes !== at) return 'pass'
    proxy.refuse(true)
    return shop.killAll().then(() => 'pass' as const)
  })
  const begin = async (): Promise<void> => {
    at = 0
    proxy.refuse(false)
    await client.$queryRaw`select 1`
    await shop.refill()
    writes = 0
  }
  await begin()
  const before = await shop.contents()
  await call(client)
  const all = writes
  expect(all).toBeGreaterThan(1)
  const told = new Set<string>()
  for (let place = 1; place <= all; place++) {
    await begin()
    at = place
    const error = await call(client).then(
      () => undefined,
      (failure: unknown) => failure,
    )
    proxy.refuse(false)
    if (error === undefined) continue
    expect(error).toBeInstanceOf(Prisma.PrismaClientKnownRequestError)
    const nothingKept = JSON.stringify(await shop.contents()) === JSON.stringify(before)
    told.add(`${nothingKept ? 'nothing' : 'a part'} kept: ${diagnose(error)?.outcome}`)
    if (!nothingKept) expect(error).toMatchObject({ reason: 'in-parts', sqlstate: '08007' })
  }
  expect([...told].sort()).toEqual(['a part kept: in-doubt', 'nothing kept: rolled-back'])
})
