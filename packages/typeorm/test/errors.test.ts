import { randomUUID } from 'node:crypto'
import { DataSource, QueryFailedError } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Proxy as FaultProxy, until } from '../../../test/kit/index.ts'
import { diagnose, type RepriseOptions, reprise } from '../src/index.ts'
import { Database } from './database.ts'
import { AccountSchema, PersonSchema, Post, PostSchema } from './entities.ts'

let database: Database
let proxy: FaultProxy

const open = async (options?: RepriseOptions): Promise<DataSource> => {
  const source = new DataSource(
    reprise(
      {
        type: 'postgres',
        url: proxy.url(database.url),
        poolSize: 1,
        entities: [AccountSchema, PersonSchema, PostSchema],
      },
      options,
    ),
  )
  return source.initialize()
}

beforeAll(async () => {
  const url = inject('serverUrl')
  database = await Database.create(url)
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  const source = await open()
  await source.synchronize()
  await source.destroy()
})

afterAll(async () => {
  await proxy.close()
  await database.close()
})

const caught = (promise: Promise<unknown>): Promise<Error & Record<string, unknown>> =>
  promise.then(
    () => expect.fail('it should have failed'),
    (error) => error,
  )

test('a loss that is not mended is a QueryFailedError with outcome, cause and advice, and the runner can be used on', async () => {
  const source = await open({ replay: 'off' })
  const runner = source.createQueryRunner()
  await runner.startTransaction()
  await runner.manager.insert(Post, { id: randomUUID(), title: 'lost' })
  await database.killAll()
  const error = await caught(runner.manager.insert(Post, { id: randomUUID(), title: 'lost' }))
  expect(error).toBeInstanceOf(QueryFailedError)
  expect(error).toMatchObject({
    code: '57P01',
    outcome: 'rolled-back',
    condition: 'admin_shutdown',
    advice: expect.any(String),
    cause: { code: '57P01', routine: 'ProcessInterrupts' },
  })
  expect(diagnose(error)).toMatchObject({ outcome: 'rolled-back', sqlstate: '57P01' })

  // Whoever goes on regardless is told the same, and never QueryRunnerAlreadyReleasedError.
  const deaf = await caught(runner.query('select 1'))
  expect(deaf).toMatchObject({ code: '25P02', outcome: 'rolled-back' })
  expect(diagnose(deaf)).toMatchObject({ outcome: 'rolled-back' })
  await runner.rollbackTransaction()
  expect(runner.isReleased).toBe(false)
  expect(await runner.query('select 1 as one')).toEqual([{ one: 1 }])
  await runner.release()
  expect(await database.sql("select 1 from post where title = 'lost'")).toEqual([])
  await source.destroy()
})

test('transaction() surfaces the loss, not what its rollback said', async () => {
  const source = await open({ replay: 'off' })
  const error = await caught(
    source.transaction(async (manager) => {
      await manager.insert(Post, { id: randomUUID(), title: 'lost' })
      await database.killAll()
      await manager.count(Post)
    }),
  )
  expect(error).toMatchObject({ code: '57P01', outcome: 'rolled-back' })
  expect(await source.manager.count(Post)).toBe(0)
  await source.destroy()
})

test('save() surfaces the loss of its own transaction', async () => {
  const source = await open({ replay: 'off' })
  const stop = proxy.onFrame((frame) =>
    frame.text.startsWith('INSERT INTO "post"') ? 'reset' : 'pass',
  )
  const post = Object.assign(new Post(), { id: randomUUID(), title: 'lost' })
  const error = await caught(source.manager.save(post))
  stop()
  expect(error).toBeInstanceOf(QueryFailedError)
  expect(error).toMatchObject({ outcome: 'rolled-back', condition: 'connection_failure' })
  expect(await source.manager.save(post)).toBe(post)
  expect(await source.manager.findOneBy(Post, { id: post.id })).toEqual(post)
  await source.destroy()
})

test('a COMMIT in doubt is said to be, and the transaction is not run again', async () => {
  const source = await open({ witness: 'off' })
  const stop = proxy.onFrame((frame) =>
    frame.from === 'client' && frame.text === 'COMMIT' ? 'swallow' : 'pass',
  )
  const id = randomUUID()
  const error = await caught(
    source.transaction((manager) => manager.insert(Post, { id, title: 'doubt' })),
  )
  stop()
  expect(error).toBeInstanceOf(QueryFailedError)
  expect(error).toMatchObject({ code: '08007', outcome: 'in-doubt' })
  await until(
    async () => (await database.sql('select 1 from post where id = $1', [id])).length === 1,
    {
      what: 'the commit whose answer was lost',
    },
  )
  await source.destroy()
})

test('the same COMMIT with a witness is no error at all', async () => {
  const source = await open()
  const id = randomUUID()
  let swallowed = 0
  const stop = proxy.onFrame((frame) => {
    if (swallowed > 0 || frame.from !== 'client' || frame.text !== 'COMMIT') return 'pass'
    swallowed += 1
    return 'swallow'
  })
  await source.transaction((manager) => manager.insert(Post, { id, title: 'witnessed' }))
  stop()
  expect(swallowed).toBe(1)
  expect(await database.sql('select title from post where id = $1', [id])).toEqual([
    { title: 'witnessed' },
  ])
  await source.destroy()
})

test('a swallowed error makes COMMIT an error, not a success', async () => {
  const source = await open()
  const error = await caught(
    source.transaction(async (manager) => {
      await manager.insert(Post, { id: randomUUID(), title: 'nothing' })
      await manager.query('select 1 / 0').catch(() => undefined)
    }),
  )
  expect(error).toMatchObject({ code: '40000', outcome: 'rolled-back' })
  expect(await database.sql("select 1 from post where title = 'nothing'")).toEqual([])
  await source.destroy()
})

test('a server that stays away is a loss that was not sent, also at connect', async () => {
  const source = await open({ deadline: 300, backoff: { base: 5, cap: 50 } })
  proxy.refuse(true)
  await database.killAll()
  const error = await caught(source.query('select 1'))
  // Whether it was sent still depends on who was faster, the news of the end or the query.
  const undone = expect.stringMatching(/^(not-sent|rolled-back)$/)
  expect(error).toMatchObject({ outcome: undone, attempts: expect.any(Number) })
  expect(diagnose(error)).toMatchObject({ outcome: undone })
  const another = new DataSource({ ...source.options } as ConstructorParameters<
    typeof DataSource
  >[0])
  const first = await caught(another.initialize())
  expect(diagnose(first)).toMatchObject({ outcome: 'not-sent' })
  proxy.refuse(false)
  expect(await source.query('select 1 as one')).toEqual([{ one: 1 }])
  await source.destroy()
})
