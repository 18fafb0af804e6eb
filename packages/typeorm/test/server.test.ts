import { randomUUID } from 'node:crypto'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { RepriseSubscriber } from '../src/index.ts'
import { PersonSchema, Post, PostSchema } from './entities.ts'

let server: Server
let source: DataSource

beforeAll(async () => {
  server = await Server.start()
  source = await new DataSource({
    type: 'postgres',
    url: await server.createDatabase(),
    poolSize: 1,
    synchronize: true,
    entities: [PersonSchema, PostSchema],
    subscribers: [RepriseSubscriber],
  }).initialize()
})

afterAll(async () => {
  await source.destroy()
  await server.dispose()
})

/** Saves in a transaction, does something to the server in the middle, and saves again. */
function saveAround(disturb: (pid: number) => Promise<void> | undefined): Promise<Post[]> {
  return source.transaction(async (manager) => {
    const draft = (title: string): Post => Object.assign(new Post(), { id: randomUUID(), title })
    const before = await manager.save(draft('before'))
    const { processID } = await manager.queryRunner!.connect()
    const disturbed = disturb(processID)
    const after = await manager.save(draft('after'))
    await disturbed
    return [before, after]
  })
}

async function expectSaved(posts: Post[]): Promise<void> {
  for (const post of posts)
    expect(await source.manager.findOneBy(Post, { id: post.id })).toEqual(post)
}

const asleep =
  "select pid from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"

test('a query that is terminated in flight brings its answer, and so does the next', async () => {
  const answer = source.query('select pg_sleep(0.5), 42 as n')
  const [victim] = (await until(
    async () => {
      const rows = await server.sql(asleep)
      return rows.length > 0 && rows
    },
    { what: 'the query to be in flight' },
  )) as [{ pid: number }]
  await server.terminate(victim.pid)
  expect(await answer).toMatchObject([{ n: 42 }])
  expect(await source.query('select 1 as one')).toEqual([{ one: 1 }])
})

test.for(['fast', 'immediate'] as const)(
  'a transaction outlives a restart of the server (%s)',
  async (mode) => {
    await expectSaved(await saveAround(() => server.restart(mode)))
  },
)

test('a transaction outlives the crash of its backend', async () => {
  await expectSaved(
    await saveAround((pid) => {
      server.sigkill(pid)
      return undefined
    }),
  )
})
