import { randomUUID } from 'node:crypto'
import { DriverException, MikroORM } from '@mikro-orm/postgresql'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { diagnose } from '../src/index.ts'
import { Account, open, Transfer } from './account.ts'
import { Database } from './database.ts'

let database: Database
let orm: MikroORM

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  // Nothing is replayed, so that every loss in a transaction surfaces.
  orm = await open(database, { replay: 'off' })
})

afterAll(async () => {
  await orm?.close()
  await database?.[Symbol.asyncDispose]()
})

const count = async (): Promise<number> => (await database.sql('select token from transfer')).length

/** A flush that is lost in its transaction. */
async function lostFlush(em = orm.em.fork()): Promise<{ em: typeof em; error: unknown }> {
  em.create(Transfer, { token: randomUUID(), amount: 1 })
  database.listen(1)
  const error = await em.flush().then(
    () => undefined,
    (failure) => failure,
  )
  expect(database.struck).toBe(true)
  return { em, error }
}

test('a surfaced loss is the ORM’s own error, says what became of the work, and what to do', async () => {
  const { error } = await lostFlush()
  expect(error).toBeInstanceOf(DriverException)
  expect(error).toMatchObject({ outcome: 'rolled-back', code: '57P01' })
  expect((error as Error).cause).toMatchObject({ code: '57P01', severity: 'FATAL' })
  expect((error as { advice: string }).advice).toContain('em.clear()')
  expect(diagnose(error)).toMatchObject({ outcome: 'rolled-back', condition: 'admin_shutdown' })
})

test.each([
  ['a removal', 1],
  ['a COMMIT', 2],
])('stock MikroORM says that a second flush succeeded, and has not done %s', async (_, place) => {
  const stock = await MikroORM.init({ clientUrl: database.url, entities: [Account, Transfer] })
  await stock.connect()
  const token = randomUUID()
  await database.sql('insert into transfer values ($1, 1)', [token])
  const em = stock.em.fork()
  em.remove(await em.findOneOrFail(Transfer, token))
  database.listen(place)
  await expect(em.flush()).rejects.toThrow()
  expect(database.struck).toBe(true)
  await em.flush()
  expect(await database.sql('select 1 from transfer where token = $1', [token])).toHaveLength(1)
  // Its client was never given back, so close() would wait for ever.
  void stock.close()
})

describe('after a loss that surfaced', () => {
  test('a second flush is refused, until the EntityManager is cleared', async () => {
    const before = await count()
    const { em, error } = await lostFlush()
    const refusal = await em.flush().catch((failure) => failure)
    expect(refusal).toBeInstanceOf(DriverException)
    expect(refusal.message).toContain('em.clear()')
    expect(refusal).toMatchObject({ outcome: 'rolled-back', cause: error })
    await expect(em.flush()).rejects.toThrow(/em\.clear\(\)/)
    const callback = vi.fn(async () => {})
    await expect(em.transactional(callback)).rejects.toThrow(/em\.clear\(\)/)
    expect(callback).not.toHaveBeenCalled()
    em.clear()
    em.create(Transfer, { token: randomUUID(), amount: 1 })
    await em.flush()
    expect(await count()).toBe(before + 1)
  })

  test('reading is allowed', async () => {
    const { em } = await lostFlush()
    expect(await em.find(Account, {})).toHaveLength(2)
  })

  test('a fork that copies the memory is refused, one that does not may go on', async () => {
    const { em } = await lostFlush()
    await expect(em.fork({ clear: false }).flush()).rejects.toThrow(/em\.clear\(\)/)
    await em.fork().flush()
    await em.transactional(async () => {}, { clear: true })
    await expect(em.flush()).rejects.toThrow(/em\.clear\(\)/)
  })

  test('other EntityManagers and the global one go on', async () => {
    const token = randomUUID()
    await expect(
      orm.em.transactional(async (em) => {
        await em.find(Account, {})
        await database.killAll()
        await em.find(Transfer, {})
      }),
    ).rejects.toMatchObject({ outcome: 'rolled-back' })
    await orm.em.transactional(async (em) => void em.create(Transfer, { token, amount: 1 }))
    expect(await database.sql('select 1 from transfer where token = $1', [token])).toHaveLength(1)
  })

  test('of a transaction, the EntityManager that began it is refused', async () => {
    const em = orm.em.fork()
    const lost = em.transactional(async (tx) => {
      await tx.findOneOrFail(Account, 1)
      await database.killAll()
      await tx.find(Transfer, {})
    })
    await expect(lost).rejects.toMatchObject({ outcome: 'rolled-back' })
    await expect(em.flush()).rejects.toThrow(/em\.clear\(\)/)
    em.clear()
    await em.flush()
  })
})

test('an error that is no loss refuses nothing', async () => {
  const em = orm.em.fork()
  em.create(Account, { id: 1, balance: 1 })
  for (let times = 0; times < 2; times++) {
    await expect(em.flush()).rejects.toMatchObject({ code: '23505' })
  }
})

test('a commit that is lost can be rolled back, and the error is not masked', async () => {
  const em = orm.em.fork()
  await em.begin()
  em.create(Transfer, { token: randomUUID(), amount: 1 })
  await em.flush()
  await database.killAll()
  await expect(em.commit()).rejects.toMatchObject({ outcome: 'rolled-back' })
  await em.rollback()
  expect(em.isInTransaction()).toBe(false)
  await expect(em.flush()).rejects.toThrow(/em\.clear\(\)/)
})

test('a loss that a query met before em.rollback() is not forgotten', async () => {
  const em = orm.em.fork()
  await em.begin()
  const transfer = em.create(Transfer, { token: randomUUID(), amount: 1 })
  await em.flush()
  await database.killAll()
  await expect(em.count(Transfer)).rejects.toMatchObject({ outcome: 'rolled-back' })
  await em.rollback()
  transfer.amount = 2
  await expect(em.flush()).rejects.toThrow(/em\.clear\(\)/)
  em.clear()
  await em.flush()
})

test('em.rollback() after an error that is no loss refuses nothing', async () => {
  const em = orm.em.fork()
  await em.begin()
  await expect(em.execute('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
  await em.rollback()
  await em.flush()
})
