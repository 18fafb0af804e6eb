import { randomUUID } from 'node:crypto'
import { DataSource, type EntitySubscriberInterface, EventSubscriber } from 'typeorm'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { RepriseSubscriber, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'
import { Account, AccountSchema, PersonSchema, Post, PostSchema } from './entities.ts'
import { Lines } from './lines.ts'

let database: Database
let source: DataSource
const lines = new Lines()

/** What an application's own subscriber throws after a commit. */
let afterCommit: Error | undefined
class Thrower implements EntitySubscriberInterface {
  afterTransactionCommit(): void {
    if (afterCommit !== undefined) throw afterCommit
  }
}
EventSubscriber()(Thrower)

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  source = new DataSource({
    type: 'postgres',
    url: database.url,
    synchronize: true,
    entities: [AccountSchema, PersonSchema, PostSchema],
    subscribers: [RepriseSubscriber, Thrower],
    logger: lines,
  })
  await source.initialize()
  for (const id of [1, 2]) await source.manager.insert(Account, { id, balance: 100 })
})

afterEach(() => {
  afterCommit = undefined
})

afterAll(async () => {
  await source.destroy()
  await database.close()
})

const balance = async (id: number): Promise<unknown> =>
  (await database.sql('select balance from account where id = $1', [id]))[0]?.balance

/** Reads, loses the connection while somebody else changes what was read, and adds one. */
async function diverge(manager: DataSource['manager'], id: number, first: boolean): Promise<void> {
  const account = await manager.findOneByOrFail(Account, { id })
  if (first) {
    await database.killAll("state = 'idle in transaction'")
    await database.sql('update account set balance = balance + 10 where id = $1', [id])
  }
  account.balance += 1
  await manager.save(account)
}

test('a rerunnable callback is run again when its transaction diverged', async () => {
  const before = Number(await balance(1))
  let runs = 0
  lines.warnings.length = 0
  const result = await source.transaction(
    rerunnable(async (manager) => {
      await diverge(manager, 1, ++runs === 1)
      return runs
    }),
  )
  expect(result).toBe(2)
  expect(await balance(1)).toBe(before + 11)
  expect(lines.warnings).toContainEqual(expect.stringContaining('run again'))
})

test('any other callback is not: its caller is told that nothing was kept', async () => {
  const before = Number(await balance(1))
  let runs = 0
  const failure = source.transaction(async (manager) => diverge(manager, 1, ++runs === 1))
  await expect(failure).rejects.toMatchObject({
    name: 'QueryFailedError',
    code: '40001',
    outcome: 'rolled-back',
    cause: { code: '57P01' },
  })
  expect(runs).toBe(1)
  expect(await balance(1)).toBe(before + 10)
})

test('the manager, a repository and a query runner run it again as well, with an isolation level', async () => {
  const runner = source.createQueryRunner()
  const managers = [source.manager, source.getRepository(Post).manager, runner.manager]
  for (const manager of managers) {
    let runs = 0
    await manager.transaction(
      'REPEATABLE READ',
      rerunnable(async (inside) => {
        expect(await inside.query('show transaction_isolation')).toEqual([
          { transaction_isolation: 'repeatable read' },
        ])
        await diverge(inside, 2, ++runs === 1)
      }),
    )
    expect(runs).toBe(2)
  }
  await runner.release()
})

test('40001 of the server runs it again', async () => {
  let runs = 0
  await source.transaction(
    'SERIALIZABLE',
    rerunnable(async (manager) => {
      const account = await manager.findOneByOrFail(Account, { id: 1 })
      if (++runs === 1) await database.sql('update account set balance = 50 where id = 1')
      account.balance += 1
      await manager.save(account)
    }),
  )
  expect(runs).toBe(2)
  expect(await balance(1)).toBe(51)
})

test('40P01 of the server runs it again', async () => {
  let runs = 0
  const waiting = new Set<string>()
  const both = Promise.withResolvers<void>()
  const lock = (name: string, first: number, second: number) =>
    source.transaction(
      rerunnable(async (manager) => {
        runs += 1
        await manager.increment(Account, { id: first }, 'balance', 1)
        waiting.add(name)
        if (waiting.size === 2) both.resolve()
        await both.promise
        await manager.increment(Account, { id: second }, 'balance', 1)
      }),
    )
  await Promise.all([lock('a', 1, 2), lock('b', 2, 1)])
  expect(runs).toBe(3)
})

test('nothing is run again after an acknowledged commit, whatever a subscriber throws then', async () => {
  const id = randomUUID()
  let runs = 0
  afterCommit = Object.assign(new Error('mail server down'), {
    code: '40001',
    outcome: 'rolled-back',
  })
  const failure = source.transaction(
    rerunnable(async (manager) => {
      runs += 1
      await manager.insert(Post, { id, title: 'once' })
    }),
  )
  await expect(failure).rejects.toMatchObject({
    outcome: 'in-doubt',
    reason: 'in-parts',
    cause: { message: 'mail server down' },
  })
  expect(runs).toBe(1)
  expect(await database.sql('select title from post where id = $1', [id])).toEqual([
    { title: 'once' },
  ])
})

test('a nested callback is a savepoint: only the outermost is run again', async () => {
  let outer = 0
  let inner = 0
  await source.transaction(
    rerunnable(async (manager) => {
      outer += 1
      await manager.transaction(
        rerunnable(async (nested) => {
          await diverge(nested, 2, ++inner === 1)
        }),
      )
    }),
  )
  expect([outer, inner]).toEqual([2, 2])
})

test('a query runner of the application’s own is run on again after its nested transaction was lost', async () => {
  const runner = source.createQueryRunner()
  let runs = 0
  await runner.manager.transaction(
    rerunnable((manager) => manager.transaction((nested) => diverge(nested, 2, ++runs === 1))),
  )
  expect(runs).toBe(2)
  expect(runner.isTransactionActive).toBe(false)
  await runner.release()
})

test('inside a transaction that the application began itself nothing is run again', async () => {
  const runner = source.createQueryRunner()
  let runs = 0
  await runner.startTransaction()
  const failure = runner.manager.transaction(
    rerunnable(async (nested) => diverge(nested, 2, ++runs === 1)),
  )
  await expect(failure).rejects.toMatchObject({ code: '40001' })
  expect(runs).toBe(1)
  // The savepoint went with its transaction.
  await expect(runner.rollbackTransaction()).rejects.toMatchObject({ code: '25P02' })
  await runner.release()
  expect(await source.query('select pg_current_xact_id_if_assigned() as xid')).toEqual([
    { xid: null },
  ])
})

test('an error of the application is not a reason', async () => {
  let runs = 0
  const failure = source.transaction(
    rerunnable(async (manager) => {
      runs += 1
      await manager.insert(Account, { id: 1, balance: 0 })
    }),
  )
  await expect(failure).rejects.toMatchObject({ code: '23505' })
  expect(runs).toBe(1)
})
