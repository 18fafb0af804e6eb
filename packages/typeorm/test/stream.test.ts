import { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { diagnose, reprise } from '../src/index.ts'
import { Database } from './database.ts'
import { Account, AccountSchema } from './entities.ts'

let database: Database
let source: DataSource

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  source = await new DataSource(
    reprise({
      type: 'postgres',
      url: database.url,
      poolSize: 1,
      synchronize: true,
      entities: [AccountSchema],
    }),
  ).initialize()
  await database.sql('insert into account select i, i, 1 from generate_series(1, 5000) i')
})

afterAll(async () => {
  await source.destroy()
  await database.close()
})

const stream = () => source.getRepository(Account).createQueryBuilder('account').stream()

test('a stream that is not disturbed brings all rows and gives its client back', async () => {
  let rows = 0
  for await (const _ of await stream()) rows += 1
  expect(rows).toBe(5000)
  expect(await source.manager.count(Account)).toBe(5000)
})

test('a stream whose connection is killed ends with an honest error, does not hang, and gives its client back', async () => {
  let rows = 0
  const read = async (): Promise<void> => {
    for await (const _ of await stream()) if (++rows === 1) await database.killAll()
  }
  const error = await read().then(
    () => undefined,
    (failure) => failure,
  )
  expect(rows).toBeLessThan(5000)
  // Where the stream was writing at that moment, the server's last words may never arrive.
  const { outcome, condition } = error
  expect(['rolled-back admin_shutdown', 'in-doubt connection_failure']).toContain(
    `${outcome} ${condition}`,
  )
  expect(diagnose(error)).toMatchObject({ outcome, condition })
  // The pool has but one client.
  expect(await source.manager.count(Account)).toBe(5000)
})

test('a stream begun on a connection that is gone already runs on a new one', async () => {
  await database.killAll()
  const { master } = source.driver as unknown as {
    master: { _clients: { connection: { stream: { destroyed: boolean } } }[] }
  }
  await until(() => master._clients.every(({ connection }) => connection.stream.destroyed))
  let rows = 0
  for await (const _ of await stream()) rows += 1
  expect(rows).toBe(5000)
})
