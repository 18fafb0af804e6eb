import pg from 'pg'
import Cursor from 'pg-cursor'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { FakeServer, Proxy } from '../../../test/kit/index.ts'
import { createDatabase, sessionOn } from './compare.ts'
import { failure, listen } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

describe('query_timeout', () => {
  it.each(['of the client', 'of the query', 'of the query, over that of the client'])(
    '%s ends the wait, and the session works on',
    async (which) => {
      const client = sessionOn({
        connectionString: url,
        ...(which.startsWith('of the query') ? {} : { query_timeout: 100 }),
        ...(which.includes('over') ? { query_timeout: 60_000 } : {}),
      })
      await client.connect()
      const slow = {
        text: 'SELECT pg_sleep(60)',
        ...(which === 'of the client' ? {} : { query_timeout: 100 }),
      }
      const first = failure(client.query(slow))
      const behind = client.query('SELECT 2 AS a').then(({ rows }) => rows, String)
      expect(await first).toMatchObject({ reason: 'timeout' })
      // It waited as long as the first one did, so the client's own timeout is up for it as well.
      if (which === 'of the client') expect(await behind).toMatch(/Query read timeout|was not sent/)
      else expect(await behind).toEqual([{ a: 2 }])
      const patient = { text: 'SELECT 3 AS a', query_timeout: 20_000 }
      expect((await client.query(patient)).rows).toEqual([{ a: 3 }])
      await client.end()
    },
  )
  it('ends a transaction, whose statements then answer 25P02 until ROLLBACK', async () => {
    const client = sessionOn(url)
    await client.connect()
    await client.query('BEGIN')
    expect(
      await failure(client.query({ text: 'SELECT pg_sleep(60)', query_timeout: 50 } as never)),
    ).toMatchObject({ reason: 'timeout', outcome: 'rolled-back' })
    expect(client.getTransactionStatus()).toBe('E')
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
    expect((await client.query('ROLLBACK')).command).toBe('ROLLBACK')
    expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
    await client.end()
  })
  it.each<[string, (client: pg.Client) => Promise<unknown>]>([
    ['a statement', (client) => client.query('SELECT 2')],
    ['a cursor', (client) => client.query(new Cursor('SELECT 2')).read(1)],
  ])('of %s counts nothing of what the session asks on its own account', async (_name, use) => {
    const direct = await createDatabase()
    const { hostname, port } = new URL(direct)
    await using proxy = await Proxy.start({ host: hostname, port: Number(port) })
    const other = sessionOn({ connectionString: direct, query_timeout: 300 })
    await other.connect()
    let asked = false
    let over = false
    // For as long as the same limit takes elsewhere, and then some.
    const heldFor = async (): Promise<'pass'> => {
      for (let times = 0; times < 2; times++) await failure(other.query('SELECT pg_sleep(60)'))
      over = true
      return 'pass'
    }
    proxy.onFrame((frame) => {
      if (asked || frame.from !== 'client' || !frame.text.includes('pg_proc')) return 'pass'
      asked = true
      return heldFor()
    })
    const client = sessionOn({ connectionString: proxy.url(direct), query_timeout: 300 })
    await client.connect()
    await client.query('SELECT 1')
    await use(client)
    expect({ asked, over }).toEqual({ asked: true, over: true })
    await client.end()
    await other.end()
  })
  it('leaves what is answered in time alone', async () => {
    using lost = listen('reprise:loss')
    const client = sessionOn({ connectionString: url, query_timeout: 10_000 })
    await client.connect()
    await Promise.all([client.query('SELECT 1'), client.query('SELECT 2')])
    await client.end()
    expect(lost.seen).toEqual([])
  })
})

it('connectionTimeoutMillis ends connect() to a server that never answers', async () => {
  await using silent = await FakeServer.start((peer) => peer.hang())
  const client = sessionOn({ connectionString: silent.url, connectionTimeoutMillis: 100 })
  expect(await failure(client.connect())).toMatchObject({ outcome: 'not-sent' })
  const pool = new pg.Pool({
    connectionString: silent.url,
    connectionTimeoutMillis: 100,
    Client: sessionClass(),
  })
  expect((await failure(pool.connect())).message).toBe(
    'Connection terminated due to connection timeout',
  )
  expect(pool.totalCount).toBe(0)
  await pool.end()
})
const sessionClass = (): typeof pg.Client => sessionOn(url).constructor as typeof pg.Client
