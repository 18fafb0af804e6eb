import { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { RepriseSubscriber, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'
import { Account, AccountSchema } from './entities.ts'

let database: Database
let source: DataSource

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  const at = (applicationName: string) => ({ url: database.url, applicationName })
  source = await new DataSource({
    type: 'postgres',
    replication: { master: at('master'), slaves: [at('slave')], defaultMode: 'slave' },
    poolSize: 1,
    synchronize: true,
    entities: [AccountSchema],
    subscribers: [RepriseSubscriber],
  }).initialize()
})

afterAll(async () => {
  await source.destroy()
  await database.close()
})

test('master and slaves are protected, each pool by itself', async () => {
  await source.manager.save(Object.assign(new Account(), { id: 1, balance: 1 }))
  expect(await source.manager.count(Account)).toBe(1)
  for (const who of ['master', 'slave']) {
    expect(await database.killAll(`application_name = '${who}'`)).toBe(1)
    await source.manager.increment(Account, { id: 1 }, 'balance', 1)
    expect(await source.manager.findOneBy(Account, { id: 1 })).toBeDefined()
  }
  const runner = source.createQueryRunner('slave')
  expect(await runner.query("select current_setting('application_name') as name")).toEqual([
    { name: 'slave' },
  ])
  await database.killAll()
  expect(await runner.query("select current_setting('application_name') as name")).toEqual([
    { name: 'slave' },
  ])
  await runner.release()
  expect(await database.sql('select balance from account')).toEqual([{ balance: 3 }])
})

test('a transaction goes to the master, and so does its re-run', async () => {
  let runs = 0
  await source.transaction(
    rerunnable(async (manager) => {
      expect(await manager.query("select current_setting('application_name') as name")).toEqual([
        { name: 'master' },
      ])
      await manager.query('select random()')
      if (++runs === 1) await database.killAll("application_name = 'master'")
      await manager.increment(Account, { id: 1 }, 'balance', 1)
    }),
  )
  expect(runs).toBe(2)
})
