import {
  defineConfig,
  EntityManager,
  Kysely,
  MikroORM,
  PostgreSqlConnection,
  PostgreSqlDriver,
  RequestContext,
} from '@mikro-orm/postgresql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, expectTypeOf, inject, test } from 'vitest'
import { reprise as reprisePg } from '../../pg/src/index.ts'
import { reprise, rerunnable } from '../src/index.ts'
import { Account, open, Transfer } from './account.ts'
import { Database } from './database.ts'

let database: Database

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  await (await open(database)).close()
})

afterAll(() => database?.[Symbol.asyncDispose]())

const entities = [Account, Transfer]

/** Loses every connection, then reads. */
async function outlives(orm: MikroORM): Promise<void> {
  await orm.em.fork().find(Account, {})
  expect(await database.killAll()).toBeGreaterThan(0)
  expect(await orm.em.fork().find(Account, {})).toHaveLength(2)
}

describe('a wrong set-up is refused with a sentence that says what to do', () => {
  test('no configuration', () => {
    expect(() => reprise(undefined as never)).toThrow(/takes the MikroORM configuration/)
  })

  test('an unknown option, or one of the wrong type', () => {
    expect(() => reprise({ entities }, { retries: 3 } as never)).toThrow(/no option 'retries'/)
    expect(() => reprise({ entities }, { deadline: 'soon' } as never)).toThrow(/'deadline' must be/)
  })

  test('replicas that are no list, and a driver that is no class', () => {
    for (const replicas of [null, {}, 'replica']) {
      expect(() => reprise({ entities, replicas } as never)).toThrow(/is a list of configurations/)
    }
    for (const driver of [() => PostgreSqlDriver, {}]) {
      expect(() => reprise({ entities, driver } as never)).toThrow(/whose driver is a class/)
    }
  })

  test('a configuration that went through it before', () => {
    expect(() => reprise(reprise({ entities }))).toThrow(/call it once/)
  })

  test('a driver that is not node-postgres', () => {
    class Other extends PostgreSqlDriver {
      override getDependencies(): string[] {
        return ['kysely', 'mysql2']
      }
    }
    const config = reprise({ clientUrl: database.url, entities, driver: Other })
    expect(() => new MikroORM(config)).toThrow(/use the driver of @mikro-orm\/postgresql/)
  })

  test.each(['the primary', 'a replica'])(
    'a Kysely or a dialect of the user’s own, for %s',
    (whose) => {
      const give = (driverOptions: object) =>
        reprise({
          entities,
          ...(whose === 'a replica' ? { replicas: [{ driverOptions }] } : { driverOptions }),
        })
      const dialect = {
        createDriver: () => ({}),
        createQueryCompiler: () => ({}),
        createAdapter: () => ({}),
      }
      expect(() => give(dialect)).toThrow(
        /a dialect given in driverOptions: give it a pool made with/,
      )
      expect(() => give(new Kysely({ dialect: dialect as never }))).toThrow(
        /a Kysely given in driverOptions: make its pool with/,
      )
    },
  )

  test('the same behind a function, when it is called', async () => {
    const orm = await MikroORM.init(
      reprise({
        clientUrl: database.url,
        entities,
        driverOptions: (() => ({ createDriver: () => ({}) })) as never,
      }),
    )
    await expect(orm.connect()).rejects.toThrow(/give it a pool made with/)
  })

  test('a Connection class that makes its pool elsewhere', async () => {
    class Stubborn extends PostgreSqlDriver {
      override readonly connection: PostgreSqlConnection = Object.assign(
        new PostgreSqlConnection(this.config),
        { createKyselyDialect: () => ({}) },
      )
    }
    const orm = await MikroORM.init(
      reprise({ clientUrl: database.url, entities, driver: Stubborn }),
    )
    await orm.connect().then(
      // Field initialisers of the subclass run before the door's own constructor.
      () => expect.fail('connected'),
      (error) => expect(String(error)).toMatch(/found no pool/),
    )
  })
})

describe('what MikroORM offers keeps working', () => {
  test('defineConfig, inside and outside', async () => {
    for (const config of [
      reprise(defineConfig({ clientUrl: database.url, entities })),
      defineConfig(reprise({ clientUrl: database.url, entities })),
    ]) {
      const orm = await MikroORM.init(config)
      await outlives(orm)
      await orm.close()
    }
  })

  test('the synchronous constructor', async () => {
    const orm = new MikroORM(reprise({ clientUrl: database.url, entities }))
    await outlives(orm)
    await orm.close()
  })

  test('orm.reconnect', async () => {
    const orm = await MikroORM.init(reprise({ clientUrl: database.url, entities }))
    await outlives(orm)
    await orm.reconnect()
    await outlives(orm)
    await orm.close()
  })

  test('EntityManager and driver classes of the user’s own', async () => {
    class MyManager extends EntityManager {
      readonly mine = true
    }
    class MyDriver extends PostgreSqlDriver {
      readonly mine = true
    }
    const orm = await MikroORM.init(
      reprise({ clientUrl: database.url, entities, entityManager: MyManager, driver: MyDriver }),
    )
    expect(orm.em).toBeInstanceOf(MyManager)
    expect(orm.em.constructor).toBe(MyManager)
    expect(orm.em.fork()).toBeInstanceOf(MyManager)
    expect(orm.em.fork()).toMatchObject({ mine: true })
    expect(orm.driver).toBeInstanceOf(MyDriver)
    await outlives(orm)
    await orm.close()
  })

  test('read replicas', async () => {
    const replicas = [{ name: 'r1' }, { name: 'r2' }]
    const pools: unknown[] = []
    const orm = await MikroORM.init(
      reprise({
        clientUrl: database.url,
        entities,
        replicas,
        driverOptions: { onPoolCreated: (pool: unknown) => pools.push(pool) },
      }),
    )
    for (let times = 0; times < 8; times++) await outlives(orm)
    const em = orm.em.fork()
    const account = await em.findOneOrFail(Account, 2)
    await database.killAll()
    account.balance = 17
    await em.flush()
    expect(await database.sql('select balance from account where id = 2')).toEqual([
      { balance: 17 },
    ])
    expect(pools).toHaveLength(3)
    await orm.close()
  })

  test('onPoolCreated, pool options and the native client', async () => {
    let made: pg.Pool | undefined
    const orm = await MikroORM.init(
      reprise({
        clientUrl: database.url,
        entities,
        driverOptions: {
          application_name: 'mine',
          onPoolCreated: (pool: pg.Pool) => {
            made = pool
          },
        },
      }),
    )
    await outlives(orm)
    expect(made).toBe(await orm.em.getConnection().getNativeClient())
    expect(await orm.em.fork().execute('show application_name')).toEqual([
      { application_name: 'mine' },
    ])
    await orm.close()
  })

  test('type parsers', async () => {
    const types = new pg.TypeOverrides()
    types.setTypeParser(23, (text) => `int ${text}`)
    const orm = await MikroORM.init(
      reprise({ clientUrl: database.url, entities, driverOptions: { types } }),
    )
    const read = () => orm.em.fork().execute('select 1 as one')
    expect(await read()).toEqual([{ one: 'int 1' }])
    await database.killAll()
    expect(await read()).toEqual([{ one: 'int 1' }])
    await orm.close()
  })

  test('what an on-create hook sets is set again on the new connection', async () => {
    let created = 0
    const orm = await MikroORM.init(
      reprise({
        clientUrl: database.url,
        entities,
        pool: { max: 1 },
        onCreateConnection: async (connection) => {
          created++
          const { executeQuery } = connection as {
            executeQuery(query: object): Promise<unknown>
          }
          const text = "set statement_timeout = '54s'"
          await executeQuery.call(connection, { sql: text, parameters: [], query: {}, queryId: {} })
        },
      }),
    )
    const timeout = () => orm.em.fork().execute('show statement_timeout')
    expect(await timeout()).toEqual([{ statement_timeout: '54s' }])
    await database.killAll()
    expect(await timeout()).toEqual([{ statement_timeout: '54s' }])
    expect(created).toBe(1)
    await orm.close()
  })

  test.each(['connection', 'transaction'] as const)(
    'sessionContext: %s',
    async (sessionContext) => {
      const orm = await MikroORM.init(
        reprise({ clientUrl: database.url, entities, sessionContext, pool: { max: 1 } }),
      )
      const who = "select current_setting('app.user', true) as who"
      const em = orm.em.fork({ session: { variables: { 'app.user': 'ann' } }, useContext: true })
      const read = () =>
        RequestContext.create(em, () => orm.em.transactional((tx) => tx.execute(who)))
      expect(await read()).toEqual([{ who: 'ann' }])
      await database.killAll()
      expect(await read()).toEqual([{ who: 'ann' }])
      const inside = RequestContext.create(em, () =>
        orm.em.transactional(async (tx) => {
          const before = await tx.execute(who)
          await database.killAll()
          return [before, await tx.execute(who)]
        }),
      )
      expect(await inside).toEqual([[{ who: 'ann' }], [{ who: 'ann' }]])
      const nobody = await orm.em.fork().execute<{ who: string | null }[]>(who)
      expect(nobody[0]?.who || null).toBeNull()
      await orm.close()
    },
  )

  test('driverOptions: reprise() of @reprise/pg alone, at pool level', async () => {
    const orm = await MikroORM.init({
      clientUrl: database.url,
      entities,
      driverOptions: reprisePg(),
    })
    await outlives(orm)
    await orm.em.fork().transactional(async (em) => {
      const account = await em.findOneOrFail(Account, 1)
      await database.killAll()
      account.balance = 5
    })
    expect(await database.sql('select balance from account where id = 1')).toEqual([{ balance: 5 }])
    await orm.close()
  })
})

test('the types are those of MikroORM', () => {
  class MyManager extends EntityManager {
    readonly mine = true
  }
  const plain = () => MikroORM.init(reprise({ entities: [Account] }))
  expectTypeOf(plain).returns.not.toBeAny()
  expectTypeOf<Awaited<ReturnType<typeof plain>>['em']>().toExtend<EntityManager>()
  const stock = () => MikroORM.init({ entities: [Account] })
  type Em<F extends () => Promise<{ em: unknown }>> = Awaited<ReturnType<F>>['em']
  expectTypeOf<Em<typeof plain>>().toExtend<Em<typeof stock>>()
  expectTypeOf<Em<typeof stock>>().toExtend<Em<typeof plain>>()
  const mine = () => MikroORM.init(reprise({ entityManager: MyManager, entities: [Account] }))
  expectTypeOf<Awaited<ReturnType<typeof mine>>['em']>().toExtend<MyManager>()
  const em = undefined as unknown as EntityManager
  const run = () => em.transactional(rerunnable(async (tx) => (await tx.find(Account, {})).length))
  expectTypeOf(run).returns.toEqualTypeOf<Promise<number>>()
  // @ts-expect-error an option that MikroORM does not know
  const wrong = () => reprise({ nonsense: true })
  expect(wrong).toBeTypeOf('function')
})
