import { PrismaPg } from '@prisma/adapter-pg'
import { reprise as repriseClients } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { reprise, repriseAdapter } from '../src/index.ts'
import { heard } from './shop/heard.ts'
import { type Client, type Generated, generated, Shop } from './shop/shop.ts'

const url = 'postgres://nobody@127.0.0.1:1/none'
let PrismaClient: Generated['PrismaClient']
let shop: Shop

beforeAll(async () => {
  PrismaClient = (await generated()).PrismaClient
  shop = await Shop.create(inject('serverUrl'))
})
afterAll(() => shop?.close())

const wrong = (value: unknown): never => value as never

describe('repriseAdapter() says in one sentence what is wrong with', () => {
  const pool = new pg.Pool({ connectionString: url })
  repriseAdapter(pool)
  test.each<[string, () => unknown, RegExp]>([
    ['no configuration', () => repriseAdapter(wrong(undefined)), /what PrismaPg takes/],
    ['an unknown option', () => repriseAdapter(url, wrong({ retries: 3 })), /no option 'retries'/],
    [
      'a wrong option',
      () => repriseAdapter(url, wrong({ deadline: 'soon' })),
      /'deadline' must be/,
    ],
    ['options that are none', () => repriseAdapter(url, wrong('fast')), /must be an object/],
    ['a second client', () => repriseAdapter({ ...repriseClients() }), /leave the other/],
    ['a second adapter on a pool', () => repriseAdapter(pool), /leave the other/],
    ['the pipeline mode', () => repriseAdapter(new pg.Pool(wrong({ pipeline: true }))), /pipeline/],
    [
      'a pool of another pg',
      () => repriseAdapter(wrong({ ...pool, connect() {}, totalCount: 0 })),
      /another copy/,
    ],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })
})

describe('reprise() says in one sentence what is wrong with', () => {
  const client = (): Client => new PrismaClient({ adapter: repriseAdapter(url) })
  test.each<[string, () => unknown, RegExp]>([
    ['an unknown option', () => reprise(wrong({ retries: 3 })), /no option 'retries'/],
    ['not being called', () => client().$extends(reprise), /\$extends\(reprise\(\)\)/],
    ['something that is no PrismaClient', () => reprise()(wrong({})), /extends a PrismaClient/],
    ['a second registration', () => client().$extends(reprise()).$extends(reprise()), /before/],
    [
      'a second registration behind another extension',
      () => client().$extends(reprise()).$extends({ client: {} }).$extends(reprise()),
      /before/,
    ],
    [
      'another database',
      () => reprise()({ $extends() {}, _activeProvider: 'mysql' }),
      /sessions of PostgreSQL.* mysql/,
    ],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })
})

test('reprise() without the adapter says what is missing and what it can and cannot do', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const advice = await heard('reprise:advice', async () => {
    new PrismaClient({ adapter: new PrismaPg(url) }).$extends(reprise())
  })
  expect(advice).toHaveLength(1)
  expect(warn.mock.calls[0]?.[0]).toMatch(/no repriseAdapter\(\).*40001, 40P01.*not mended/)
  warn.mockClear()
  new PrismaClient({ adapter: repriseAdapter(url) }).$extends(reprise())
  expect(warn).not.toHaveBeenCalled()
  warn.mockRestore()
})

test('reprise() can be applied as a function, too', async () => {
  const prisma = reprise()(new PrismaClient({ adapter: repriseAdapter(shop.url) }))
  expect(await prisma.account.count()).toBe(10)
  await prisma.$disconnect()
})

describe('the adapter takes what PrismaPg takes', () => {
  test.each([
    ['a connection string', () => shop.url],
    ['a configuration', () => ({ connectionString: shop.url, max: 1 })],
    ['a pool', () => new pg.Pool({ connectionString: shop.url, max: 1 })],
  ])('%s', async (_name, config) => {
    const adapter = repriseAdapter(config(), { disposeExternalPool: true, deadline: 10_000 })
    const prisma = new PrismaClient({ adapter }).$extends(reprise())
    expect(await prisma.account.count()).toBe(10)
    await shop.killAll()
    expect(await prisma.account.count()).toBe(10)
    await prisma.$disconnect()
  })

  test('its options, too', async () => {
    const names: string[] = []
    const adapter = repriseAdapter(shop.url, {
      schema: 'elsewhere',
      statementNameGenerator: ({ sql }) => {
        names.push(sql)
        return `s${names.length}`
      },
    })
    const prisma = new PrismaClient({ adapter }).$extends(reprise())
    await expect(prisma.account.count()).rejects.toMatchObject({ code: 'P2021' })
    expect(await prisma.$queryRaw`select 1 as one`).toEqual([{ one: 1 }])
    await prisma.$transaction((tx) => tx.$queryRaw`select 2`)
    expect(names.join()).toContain('"elsewhere"."account"')
    await prisma.$disconnect()
  })
})
