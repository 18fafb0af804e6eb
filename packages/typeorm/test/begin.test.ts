import { DataSource, type QueryRunner, QueryRunnerAlreadyReleasedError } from 'typeorm'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { Proxy as FaultProxy } from '../../../test/kit/index.ts'
import { type PostgresOptions, reprise } from '../src/index.ts'
import { Database } from './database.ts'

const poolSize = 2

let database: Database
let proxy: FaultProxy
let source: DataSource

beforeAll(async () => {
  const url = inject('serverUrl')
  database = await Database.create(url)
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  const options: PostgresOptions = { type: 'postgres', url: proxy.url(database.url), poolSize }
  source = await new DataSource(reprise(options, { deadline: 200 })).initialize()
})
beforeEach(() => database.sql('drop table if exists t; create table t (a int)'))
afterAll(async () => {
  await source.destroy()
  await proxy.close()
  await database.close()
})

/** The server goes down when this statement comes, until what is done has failed. */
async function downAt(text: RegExp, work: () => Promise<unknown>): Promise<unknown> {
  const stop = proxy.onFrame(async (frame) => {
    if (frame.from !== 'client' || !text.test(frame.text)) return
    proxy.refuse(true)
    await database.killAll()
  })
  try {
    return await work().catch((error: unknown) => error)
  } finally {
    stop()
    proxy.refuse(false)
  }
}

/** As TypeORM's guide has it. */
async function insert(runner: QueryRunner, isolation?: 'SERIALIZABLE'): Promise<void> {
  await runner.connect()
  await runner.startTransaction(isolation)
  try {
    await runner.query('insert into t values (1)')
    await runner.commitTransaction()
  } catch (error) {
    await runner.rollbackTransaction()
    throw error
  } finally {
    await runner.release()
  }
}

test.each([
  [/^START/, undefined],
  [/^SET TRANSACTION/, 'SERIALIZABLE'],
] as const)('a pool outlives as many lost BEGINs as there are (%s)', async (text, isolation) => {
  for (let i = 0; i <= poolSize; i++) {
    const error = await downAt(text, () => insert(source.createQueryRunner(), isolation))
    expect(error).toMatchObject({ outcome: 'rolled-back' })
  }
  await insert(source.createQueryRunner())
  expect(await database.sql('select a from t')).toEqual([{ a: 1 }])
})

test('the runner of a lost BEGIN rolls back without a word, and can be used again', async () => {
  const runner = source.createQueryRunner()
  const error = await downAt(/^START/, async () => {
    try {
      await runner.startTransaction()
    } catch (failure) {
      await runner.rollbackTransaction()
      throw failure
    }
  })
  expect(error).toMatchObject({ outcome: 'rolled-back' })
  expect(runner.isTransactionActive).toBe(false)
  await insert(runner)
  expect(runner.isReleased).toBe(true)
  expect(await database.sql('select a from t')).toEqual([{ a: 1 }])
})

test('a runner whose client the application has in its hands goes on with no other one', async () => {
  const runner = source.createQueryRunner()
  const client: { query(text: string): Promise<unknown> } = await runner.connect()
  await client.query("set app.tenant = 'a'")
  expect(await downAt(/^START/, () => runner.startTransaction())).toHaveProperty('outcome')
  await runner.rollbackTransaction()
  await expect(runner.query('insert into t values (1)')).rejects.toBeInstanceOf(
    QueryRunnerAlreadyReleasedError,
  )
  await runner.release()
  expect(await database.sql('select a from t')).toEqual([])
})

test('a runner on whose session something was set keeps that session', async () => {
  const runner = source.createQueryRunner()
  await runner.query("set app.tenant = 'a'")
  expect(await downAt(/^START/, () => runner.startTransaction())).toHaveProperty('outcome')
  await runner.rollbackTransaction()
  expect(await runner.query("select current_setting('app.tenant') as tenant")).toEqual([
    { tenant: 'a' },
  ])
  await runner.release()
})
