import { randomUUID } from 'node:crypto'
import {
  DriverException,
  type EntityManager,
  type EventSubscriber,
  MikroORM,
  type TransactionOptions,
} from '@mikro-orm/postgresql'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { diagnose, reprise, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'
import { entities, Tag } from './entities.ts'

let database: Database
let orm: MikroORM
/** When an entity manager of the ORM's own writes besides. */
let hook: keyof EventSubscriber | undefined

const audit = async (when: keyof EventSubscriber): Promise<void> => {
  if (when !== hook) return
  hook = undefined
  await put(orm.em.fork(), 'audit')
}

const auditor: EventSubscriber = {
  beforeFlush: () => audit('beforeFlush'),
  afterCreate: () => audit('afterCreate'),
  afterFlush: () => audit('afterFlush'),
  beforeTransactionCommit: () => audit('beforeTransactionCommit'),
  afterTransactionCommit: () => audit('afterTransactionCommit'),
}

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  orm = await MikroORM.init(
    reprise(
      { clientUrl: database.url, entities, subscribers: [auditor], pool: { max: 3 } },
      { deadline: 150, backoff: { base: 1, cap: 5 } },
    ),
  )
  await orm.schema.create()
})

afterAll(async () => {
  await orm?.close()
  await database?.[Symbol.asyncDispose]()
})

async function put(em: EntityManager, name: string): Promise<void> {
  em.create(Tag, { id: randomUUID(), name })
  await em.flush()
}

const names = async (): Promise<unknown[]> =>
  (await database.sql('select name from tag order by 1')).map(({ name }) => name)

const within =
  (options: TransactionOptions) =>
  (em: EntityManager): Promise<void> =>
    em.transactional(async (outer) => {
      await put(outer, 'outer')
      await outer.transactional(async (inner) => put(inner, 'inner'), options)
      await put(outer, 'last')
    })

const alone =
  (propagation: NonNullable<TransactionOptions['propagation']>) =>
  (em: EntityManager): Promise<void> =>
    em.transactional(
      async (inner) => {
        await put(inner, 'first')
        await put(inner, 'second')
      },
      { propagation },
    )

const hooked =
  (name: keyof EventSubscriber, call: (em: EntityManager) => Promise<void>) =>
  (em: EntityManager): Promise<void> => {
    hook = name
    return call(em)
  }

const one = (em: EntityManager): Promise<void> => put(em, 'one')

const calls: Readonly<Record<string, (em: EntityManager) => Promise<unknown>>> = {
  'a transaction in which another one is new': within({ propagation: 'requires_new' }),
  'a transaction in which something is done without one': within({ propagation: 'not_supported' }),
  'a transaction that writes through another fork': (em) =>
    em.transactional(async (outer) => {
      await put(outer, 'outer')
      await put(orm.em.fork(), 'fork')
      await put(outer, 'last')
    }),
  'a rerunnable transaction that writes through another fork': (em) =>
    em.transactional(
      rerunnable(async (outer: EntityManager) => {
        await put(outer, 'outer')
        await put(orm.em.fork(), 'fork')
        await put(outer, 'last')
      }),
    ),
  'transactional() with not_supported': alone('not_supported'),
  'transactional() with supports': alone('supports'),
  'transactional() with never': alone('never'),
  'a flush before which a subscriber writes': hooked('beforeFlush', one),
  'a flush in which a subscriber writes': hooked('afterCreate', one),
  'a flush after which a subscriber writes': hooked('afterFlush', one),
  'a flush whose commit has a subscriber write before it': hooked('beforeTransactionCommit', one),
  'a flush whose commit has a subscriber write after it': hooked('afterTransactionCommit', one),
  'em.commit() after which a subscriber writes': async (em) => {
    await em.begin()
    em.create(Tag, { id: randomUUID(), name: 'one' })
    hook = 'afterTransactionCommit'
    await em.commit().catch(async (error: unknown) => {
      if (em.isInTransaction()) await em.rollback().catch(() => {})
      throw error
    })
  },
}

test.each(Object.entries(calls))('%s says what became of all of it', async (_, call) => {
  const begin = async (): Promise<void> => {
    hook = undefined
    database.listen()
    const answers = (): Promise<boolean> =>
      orm.em
        .fork()
        .execute('select 1')
        .then(Boolean, () => false)
    await until(answers)
    await database.sql('truncate tag cascade')
    await database.killAll()
    await until(answers)
  }
  await begin()
  database.listen()
  await call(orm.em.fork())
  const { length } = database.statements
  const told = new Set<string>()
  for (let place = 0; place < length; place++) {
    await begin()
    database.listen(place, 'down')
    const error = await call(orm.em.fork()).then(
      () => undefined,
      (failure: unknown) => failure,
    )
    database.refuse(false)
    if (error === undefined) continue
    expect(error).toBeInstanceOf(DriverException)
    const nothingKept = (await names()).length === 0
    const outcome = diagnose(error)?.outcome
    told.add(`${nothingKept ? 'nothing' : 'a part'} kept: ${outcome}`)
    if (!nothingKept) expect(error).toMatchObject({ code: '08007', reason: 'in-parts' })
  }
  expect([...told].sort()).toEqual(['a part kept: in-doubt', 'nothing kept: rolled-back'])
})
