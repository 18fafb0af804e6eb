import { PrismaClientKnownRequestError } from '@prisma/client/runtime/client'
import { settingsOf } from '@reprise/core'
import { repriseAdapter } from '@reprise/prisma'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { Proxy as FaultProxy, OwnDatabase } from '../../../test/kit/index.ts'
import { createDatabase } from '../../../test/kit/own-database.ts'
import { Door } from '../src/door.ts'

const settings = settingsOf()
const asked = (sql: string) => ({ sql, args: [], argTypes: [] })

let database: OwnDatabase
let proxy: FaultProxy
let adapter: Awaited<ReturnType<ReturnType<typeof repriseAdapter>['connect']>>
let runs = 0

beforeAll(async () => {
  const url = inject('serverUrl')
  database = new OwnDatabase(await createDatabase(url))
  await database.sql('create table once (id int unique deferrable initially deferred)')
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  const connectionString = proxy.url(database.url)
  adapter = await repriseAdapter({ connectionString, max: 1 }, { deadline: 2000 }).connect()
})
beforeEach(async () => {
  await database.sql('truncate once; insert into once values (0)')
  runs = 0
})
afterAll(async () => {
  await adapter.dispose()
  await proxy.close()
  await database.close()
})

/** What Prisma 6 does for a write of several statements. */
function write(texts: readonly string[], atCommit: () => unknown): Promise<unknown> {
  const query = async (): Promise<number> => {
    runs += 1
    const transaction = await adapter.startTransaction()
    for (const text of texts) await transaction.queryRaw(asked(text))
    if (runs === 1) await atCommit()
    try {
      await transaction.executeRaw(asked('COMMIT'))
      await transaction.commit()
      return runs
    } catch {
      const message = 'A rollback cannot be executed on a committed transaction.'
      throw new PrismaClientKnownRequestError(message, { code: 'P2028', clientVersion: '6.19.3' })
    }
  }
  return new Door(settings, '6.19.3').perform({
    model: 'Once',
    operation: 'createMany',
    args: {},
    query,
    __internalParams: {},
  })
}

const contents = async (): Promise<unknown[]> =>
  (await database.sql('select id from once order by id')).map(({ id }) => id)

test('a COMMIT in doubt is told as such', async () => {
  const stop = proxy.onFrame(({ from, type, text }) => {
    if (from !== 'server' || type !== 'C' || text !== 'COMMIT') return 'pass'
    proxy.refuse(true)
    return 'reset'
  })
  const error = await write(['insert into once values (1)'], () => undefined).catch((e) => e)
  stop()
  proxy.refuse(false)
  expect(error).toBeInstanceOf(PrismaClientKnownRequestError)
  expect(error).toMatchObject({ code: 'P2039', outcome: 'in-doubt', sqlstate: '08007' })
  expect(runs).toBe(1)
  expect(await contents()).toEqual([0, 1])
})

test('a COMMIT whose transaction diverged has the write run again', async () => {
  const texts = ['insert into once values (1)', 'select random()']
  expect(await write(texts, () => database.killAll())).toBe(2)
  expect(await contents()).toEqual([0, 1])
})

test('what the database itself refuses at COMMIT is left to Prisma', async () => {
  const error = await write(['insert into once values (0)'], () => undefined).catch((e) => e)
  expect(error).toMatchObject({ code: 'P2028' })
  expect(error).not.toHaveProperty('outcome')
  expect(await contents()).toEqual([0])
})
