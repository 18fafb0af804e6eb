import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { reprise as repriseClient } from '@reprise/pg'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { RepriseSubscriber, reprise } from '../src/index.ts'
import { Database } from './database.ts'
import { PersonSchema, Post, PostSchema } from './entities.ts'
import { Lines } from './lines.ts'

let database: Database

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})

afterAll(() => database.close())

const plain = (logger: Lines) => ({
  type: 'postgres' as const,
  url: database.url,
  poolSize: 1,
  synchronize: true,
  entities: [PersonSchema, PostSchema],
  logger,
})

const doors = [
  ['the subscriber', (logger: Lines) => ({ ...plain(logger), subscribers: [RepriseSubscriber] })],
  ['reprise()', (logger: Lines) => reprise(plain(logger))],
  [
    'all at once',
    (logger: Lines) =>
      reprise({ ...plain(logger), subscribers: [RepriseSubscriber], extra: repriseClient() }),
  ],
] as const

/** Kills all backends; resolves when our side has heard of it. */
async function kill(): Promise<void> {
  const heard = Promise.withResolvers<void>()
  const listener = (): void => heard.resolve()
  subscribe('reprise:loss', listener)
  await database.killAll()
  await heard.promise
  unsubscribe('reprise:loss', listener)
}

describe.each(doors)('with %s the application’s logger hears', (_, options) => {
  const open = async (): Promise<{ lines: Lines; source: DataSource }> => {
    const lines = new Lines()
    const source = await new DataSource(options(lines)).initialize()
    expect(lines.warnings).toEqual([])
    return { lines, source }
  }

  test('of a connection that was lost while idle, once', async () => {
    const { lines, source } = await open()
    await kill()
    await source.query('select 1')
    await source.query('select 1')
    expect(lines.warnings).toEqual([
      expect.stringMatching(
        /lost \(admin_shutdown, 57P01, while idle\); mended: back after \d+ ms/,
      ),
    ])
    await source.destroy()
  })

  test('of a transaction that was executed again', async () => {
    const { lines, source } = await open()
    await source.transaction(async (manager) => {
      await manager.insert(Post, { id: randomUUID(), title: 'a' })
      await kill()
      await manager.insert(Post, { id: randomUUID(), title: 'b' })
    })
    expect(lines.warnings).toEqual([
      expect.stringMatching(/mended: .*, 2 statements executed again/),
    ])
    expect(lines.errors).toEqual([])
    await source.destroy()
  })

  test('of a loss that could not be mended, with advice', async () => {
    const { lines, source } = await open()
    const failure = source.transaction(async (manager) => {
      const { n } = (await manager.query('select random() as n'))[0]
      await kill()
      await manager.insert(Post, { id: randomUUID(), title: String(n) })
    })
    await expect(failure).rejects.toMatchObject({ code: '40001' })
    expect(lines.warnings).toEqual([expect.stringMatching(/not mended: Run the transaction again/)])
    await source.destroy()
  })
})

test('a logger that throws harms no query', async () => {
  const lines = new Lines()
  lines.log = () => {
    throw new Error('disk full')
  }
  const source = await new DataSource(reprise(plain(lines))).initialize()
  await kill()
  const warned = new Promise((resolve) => process.once('warning', resolve))
  expect(await source.query('select 1 as one')).toEqual([{ one: 1 }])
  expect(await warned).toMatchObject({ message: 'disk full' })
  await source.destroy()
})
