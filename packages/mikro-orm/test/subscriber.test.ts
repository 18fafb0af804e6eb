import { MikroORM } from '@mikro-orm/postgresql'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { reprise as reprisePg } from '../../pg/src/index.ts'
import { RepriseSubscriber, reprise } from '../src/index.ts'
import { Account, open, Transfer } from './account.ts'
import { Database } from './database.ts'

let database: Database

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  await (await open(database)).close()
})

afterAll(() => database?.[Symbol.asyncDispose]())

const config = (subscribers: object[], lines: string[]) => ({
  clientUrl: database.url,
  entities: [Account, Transfer],
  subscribers: subscribers as never,
  colors: false,
  logger: (line: string) => lines.push(line),
})

test.each([
  ['a class', () => RepriseSubscriber],
  ['an instance', () => new RepriseSubscriber()],
])('what was lost and mended is reported through the ORM’s logger (%s)', async (_, make) => {
  const lines: string[] = []
  const orm = await MikroORM.init(reprise(config([make()], lines)))
  await orm.em.fork().find(Account, {})
  await orm.em.fork().transactional(async (em) => {
    await em.find(Account, {})
    lines.length = 0
    await database.killAll()
    await em.find(Transfer, {})
  })
  expect(lines.join('\n')).toMatch(
    /\[info\] reprise: session \d+ lost its connection \(admin_shutdown\) in a transaction: [a-z-]+\n.*goes on over a new connection .*\n.*executed its transaction again, statements: 2/,
  )
  await orm.close()
})

test('what could not be mended is reported with its outcome and advice', async () => {
  const lines: string[] = []
  const orm = await MikroORM.init(reprise(config([RepriseSubscriber], lines), { replay: 'off' }))
  const lost = orm.em.fork().transactional(async (em) => {
    await em.find(Account, {})
    await database.killAll()
    await em.find(Transfer, {})
  })
  await expect(lost).rejects.toThrow()
  expect(lines.join('\n')).toMatch(
    /could not mend a loss \(admin_shutdown\): rolled-back\. Run the transaction again/,
  )
  await orm.close()
})

test('without the door it reports too, from the first transaction on', async () => {
  const lines: string[] = []
  const orm = await MikroORM.init({
    ...config([RepriseSubscriber], lines),
    driverOptions: reprisePg(),
  })
  lines.length = 0
  await orm.em.fork().transactional(async (em) => {
    await em.find(Account, {})
    await database.killAll()
    await em.find(Transfer, {})
  })
  expect(lines.join('\n')).toContain('executed its transaction again')
  await orm.close()
})
