import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { EntityManager as CoreEntityManager, MikroORM as CoreMikroORM } from '@mikro-orm/core'
import { MikroOrmModule } from '@mikro-orm/nestjs'
import { EntityManager, MikroORM, PostgreSqlDriver } from '@mikro-orm/postgresql'
import { Controller, Get, type INestApplication, Inject, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { reprise } from '../src/index.ts'
import { Account, open, Transfer } from './account.ts'
import { Database } from './database.ts'

let database: Database

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  await (await open(database)).close()
})

afterAll(() => database?.[Symbol.asyncDispose]())

class Pay {
  readonly em: EntityManager
  readonly core: CoreEntityManager

  constructor(em: EntityManager, core: CoreEntityManager) {
    this.em = em
    this.core = core
  }

  /** In the request's own context, which the module's middleware makes. */
  async pay(): Promise<object> {
    const account = await this.em.findOneOrFail(Account, 1)
    await database.killAll()
    account.balance += 1
    this.core.create(Transfer, { token: randomUUID(), amount: 1 })
    await this.em.flush()
    return { balance: account.balance, same: this.em === this.core }
  }
}
// Decorators as functions: what runs these tests does not translate their syntax.
Inject(EntityManager)(Pay, undefined, 0)
Inject(CoreEntityManager)(Pay, undefined, 1)
Controller()(Pay)
Get('pay')(Pay.prototype, 'pay', Object.getOwnPropertyDescriptor(Pay.prototype, 'pay')!)

const config = () =>
  reprise({ clientUrl: database.url, entities: [Account, Transfer], logger: () => {} })

describe.each([
  ['forRoot', () => MikroOrmModule.forRoot(config())],
  ['forRoot with its configuration spread', () => MikroOrmModule.forRoot({ ...config() })],
  [
    'forRootAsync',
    () => MikroOrmModule.forRootAsync({ driver: PostgreSqlDriver, useFactory: () => config() }),
  ],
  [
    'forRootAsync without a driver',
    () => MikroOrmModule.forRootAsync({ useFactory: () => config() }),
  ],
] as const)('a Nest application with %s', (_, module) => {
  let app: INestApplication

  beforeAll(async () => {
    class App {}
    Module({ imports: [await module()], controllers: [Pay] })(App)
    app = await NestFactory.create(App, { logger: false })
    await app.listen(0, '127.0.0.1')
  })

  afterAll(() => app?.close())

  test('serves requests whose connection is lost', async () => {
    await database.sql('truncate transfer')
    await database.sql('update account set balance = 1000')
    const response = await fetch(`${await app.getUrl()}/pay`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ balance: 1001, same: true })
    expect(await database.sql('select amount from transfer')).toEqual([{ amount: 1 }])
  })

  test('hands out the ORM and its EntityManager by the tokens it always did', () => {
    const em = app.get(EntityManager)
    expect(em).toBeInstanceOf(EntityManager)
    expect(em.constructor).toBe(EntityManager)
    expect(app.get(CoreEntityManager)).toBe(em)
    expect(app.get(MikroORM)).toBe(app.get(CoreMikroORM))
  })
})
