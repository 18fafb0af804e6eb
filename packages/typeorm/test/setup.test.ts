import { reprise as repriseClient } from '@reprise/pg'
import pg from 'pg'
import { DataSource, EntityManager } from 'typeorm'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { RepriseSubscriber, reprise, repriseSubscriber } from '../src/index.ts'
import { Database } from './database.ts'
import { Account, AccountSchema } from './entities.ts'
import { Lines } from './lines.ts'

let server: Server
let database: Database
const opened: DataSource[] = []

beforeAll(async () => {
  server = await Server.start()
  database = await Database.create(inject('serverUrl'))
})

afterEach(async () => {
  for (const source of opened.splice(0)) if (source.isInitialized) await source.destroy()
})

afterAll(async () => {
  await database.close()
  await server.dispose()
})

const plain = () => ({
  type: 'postgres' as const,
  url: database?.url,
  poolSize: 1,
  entities: [AccountSchema],
})

const doors = [
  ['subscribers: [RepriseSubscriber]', () => ({ ...plain(), subscribers: [RepriseSubscriber] })],
  [
    'subscribers: [repriseSubscriber(options)]',
    () => ({ ...plain(), subscribers: [repriseSubscriber({ deadline: 20_000 })] }),
  ],
  ['subscribers as a map', () => ({ ...plain(), subscribers: { RepriseSubscriber } })],
  ['reprise()', () => reprise(plain())],
  ['reprise() with options', () => reprise(plain(), { deadline: 20_000 })],
  ['both', () => reprise({ ...plain(), subscribers: [RepriseSubscriber] })],
  [
    'both, and the pool',
    () => reprise({ ...plain(), subscribers: [RepriseSubscriber], extra: repriseClient() }),
  ],
  [
    'the subscriber, and the pool',
    () => ({ ...plain(), subscribers: [RepriseSubscriber], extra: repriseClient() }),
  ],
] as const

function open(options: ConstructorParameters<typeof DataSource>[0]): DataSource {
  const source = new DataSource(options)
  opened.push(source)
  return source
}

describe.each(doors)('%s', (_, options) => {
  test('protects initialize() and synchronize(), from the first connection on', async () => {
    const url = await server.createDatabase()
    const source = open({ ...options(), url, synchronize: true })
    await server.stop('fast')
    const initialized = source.initialize()
    await server.start()
    await initialized
    await server.restart('fast')
    expect(await source.manager.count(Account)).toBe(0)
  })

  test('survives destroy() and initialize() again', async () => {
    const source = open({ ...options(), synchronize: true, dropSchema: true })
    const classes = new Set()
    for (let i = 0; i < 3; i++) {
      await source.initialize()
      classes.add(source.options.extra.Client)
      // Of the round before, one that was told to end may be there still.
      expect(await database.killAll()).toBeGreaterThan(0)
      expect(await source.manager.count(Account)).toBe(0)
      await source.destroy()
    }
    expect(classes.size).toBe(1)
  })
})

test('no other data source is touched, though it be made of the same options', async () => {
  const options = plain()
  const ours = open({ ...options, subscribers: [RepriseSubscriber] })
  await ours.initialize()
  const other = open({ ...ours.options, subscribers: [], extra: undefined })
  const lines = new Lines()
  const twin = open({ ...options, logger: lines })
  await twin.initialize()
  await other.initialize()
  for (const source of [other, twin]) {
    const { master } = source.driver as unknown as { master: pg.Pool & { Client: unknown } }
    expect(master.Client).toBe(pg.Client)
    expect(source.manager.transaction).toBe(EntityManager.prototype.transaction)
    expect(source.createEntityManager).toBe(DataSource.prototype.createEntityManager)
  }
  expect(options).toEqual(plain())
})

test('options of the application stay what they are', async () => {
  const options = Object.freeze({ ...plain(), extra: Object.freeze({ max: 1 }) })
  const protectedOptions = reprise(options)
  expect(options).toEqual({ ...plain(), extra: { max: 1 } })
  expect(protectedOptions).toMatchObject({ url: database.url, extra: { max: 1 } })
  const listed = { ...options, subscribers: [RepriseSubscriber] }
  await open(Object.freeze(listed)).initialize()
  expect(listed.extra).toEqual({ max: 1 })
})

test('reprise() keeps the options of a subscriber that is listed, unless it is given its own', () => {
  class Other {}
  const Configured = repriseSubscriber({ deadline: 1 })
  const subscribers = [Configured, Other]
  expect(reprise({ ...plain(), subscribers }).subscribers).toEqual([Other, Configured])
  const own = reprise({ ...plain(), subscribers }, { deadline: 2 })
    .subscribers as (typeof Configured)[]
  expect(own).toHaveLength(2)
  expect(own[1]?.options).toEqual({ deadline: 2 })
})

test('the session is built on the client that the application chose', async () => {
  let made = 0
  class Chosen extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      made += 1
    }
  }
  await open(reprise({ ...plain(), extra: { Client: Chosen } })).initialize()
  expect(made).toBe(1)
  await open({
    ...plain(),
    extra: { Client: Chosen },
    subscribers: [RepriseSubscriber],
  }).initialize()
  expect(made).toBe(2)
  await open(reprise({ ...plain(), driver: { ...pg, Client: Chosen } })).initialize()
  expect(made).toBe(3)
})

test('parseInt8 and the type parsers of pg are heeded', async () => {
  const source = open(reprise({ ...plain(), parseInt8: true }))
  await source.initialize()
  try {
    expect(await source.query('select 1::int8 as n')).toEqual([{ n: 1 }])
  } finally {
    pg.defaults.parseInt8 = false
  }
})

describe('a wrong set-up gets a sentence', () => {
  const wrong = (options: object, more?: object) => () =>
    reprise(options as Parameters<typeof reprise>[0], more)

  test.each([
    ['no PostgreSQL', wrong({ type: 'mysql' }), /use it with type: 'postgres', not 'mysql'/],
    ['no options', wrong(undefined as unknown as object), /reprise\(\) takes TypeORM's options/],
    ['pipeline', wrong({ ...plain(), extra: { pipeline: true } }), /remove pipeline: true/],
    ['an unknown option', wrong(plain(), { deadlin: 1 }), /no option 'deadlin'/],
    ['an unknown option', () => repriseSubscriber({ deadlin: 1 } as object), /no option 'deadlin'/],
    ['a wrong option', wrong(plain(), { deadline: '1' }), /'deadline' must be/],
    ['no node-postgres', wrong({ ...plain(), driver: {} }), /driver option must be the pg module/],
    ['pg-native', wrong({ ...plain(), driver: { Client: class {} } }), /without pg-native/],
  ])('%s', (_, act, sentence) => {
    expect(act).toThrow(TypeError)
    expect(act).toThrow(sentence)
  })

  test('a data source that is not PostgreSQL, at initialize()', async () => {
    const source = open({ ...plain(), subscribers: [RepriseSubscriber] })
    Object.assign(source.options, { type: 'cockroachdb' })
    await expect(source.initialize()).rejects.toThrow(/use it with type: 'postgres'/)
  })

  test('a subscriber that came too late is said to be, and protects from then on', async () => {
    const lines = new Lines()
    const source = open({ ...plain(), logger: lines, subscribers: [RepriseSubscriber] })
    // Somebody else's copy of DataSource has another initialize().
    const { subscribers } = source.options
    const listed = source.options as { subscribers: unknown }
    listed.subscribers = undefined
    const initialized = source.initialize()
    listed.subscribers = subscribers
    await initialized
    expect(lines.warnings).toEqual([])
    await source.query('select 1')
    await source.query('select 1')
    expect(lines.warnings).toEqual([expect.stringContaining('only from now on')])
  })
})
