import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Proxy, Server } from '../../../test/kit/index.ts'
import { sessionOn } from './compare.ts'
import { failure, listen, pidOf } from './support.ts'

vi.setConfig({ testTimeout: 120_000 })

let server: Server
let url: string
let admin: pg.Client
beforeAll(async () => {
  server = await Server.start()
  url = server.url
  admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await server.sql('CREATE TABLE up (id int, pad text)')
})
afterAll(async () => {
  await admin.end()
  await server.dispose()
})

const count = async (id: number): Promise<number> => {
  const [row] = await server.sql('SELECT count(*)::int AS n FROM up WHERE id = $1', [id])
  return (row as { n: number }).n
}

let ids = 0

type Ask = (client: ReturnType<typeof sessionOn>, id: number, pad: string) => Promise<unknown>

const asks: [string, number, Ask][] = [
  [
    'an INSERT by parameters',
    1,
    (client, id, pad) => client.query('INSERT INTO up VALUES ($1, $2)', [id, pad]),
  ],
  [
    'two INSERTs in one text',
    2,
    (client, id, pad) =>
      client.query(`INSERT INTO up VALUES (${id}, '${pad}'); INSERT INTO up VALUES (${id}, '')`),
  ],
]

describe('a large upload to a backend that is killed', () => {
  it.each(asks)('(%s) is done once and never in doubt', async (_name, rows, ask) => {
    using told = listen('reprise:loss')
    for (const megabytes of [1, 1, 5, 5, 5, 5, 20, 20, 50]) {
      const client = sessionOn(url)
      client.on('error', () => undefined)
      await client.connect()
      await client.query('SELECT 1')
      const id = ++ids
      // The kill and the upload race: what is proved depends on who wins, what is done must not.
      const killing = admin.query('SELECT pg_terminate_backend($1)', [pidOf(client)])
      await ask(client, id, 'x'.repeat(megabytes << 20))
      await killing
      expect(await count(id)).toBe(rows)
      await client.end()
    }
    expect(told.seen.length).toBeGreaterThan(0)
    expect(told.seen.filter(({ outcome }) => outcome === 'in-doubt')).toEqual([])
  })
})

describe('a reset right behind the last byte of an upload', () => {
  it('leaves it in doubt', async () => {
    await using proxy = await Proxy.start(server)
    const client = sessionOn(proxy.url(url))
    client.on('error', () => undefined)
    await client.connect()
    await client.query('SELECT 1')
    // What the session asks on its own account has its answer, too.
    await client.query('SET work_mem = 9999')
    const pad = 'x'.repeat(1 << 20)
    const text = `INSERT INTO up VALUES (0, '${pad}'); INSERT INTO up VALUES (0, '')`
    let resets = 0
    proxy.onFrame(({ type }) => {
      if (type !== 'Q' || resets > 0) return 'pass'
      resets++
      return 'pass-then-reset'
    })
    expect(await failure(client.query(text))).toMatchObject({ outcome: 'in-doubt' })
    await client.end()
  })
})

describe('a write of more than 64 KB', () => {
  it.each([
    [1 << 20, 1],
    [1000, 'in-doubt'],
  ])(
    '(%i bytes) holds its Sync, so that a reset behind it leaves no doubt: %s',
    async (size, end) => {
      await using proxy = await Proxy.start(server)
      const client = sessionOn(proxy.url(url))
      client.on('error', () => undefined)
      await client.connect()
      await client.query('SELECT 1')
      // What the session asks on its own account has its answer, too.
      await client.query('SET work_mem = 9999')
      const id = ++ids
      let resets = 0
      proxy.onFrame(({ from, type }) => {
        if (from === 'server' || type !== 'S' || resets > 0) return 'pass'
        resets++
        return 'pass-then-reset'
      })
      const asked = client.query('INSERT INTO up VALUES ($1, $2)', [id, 'x'.repeat(size)])
      const answer = await asked.then(
        ({ rowCount }) => rowCount,
        ({ outcome }) => outcome,
      )
      expect(answer).toBe(end)
      if (end === 1) expect(await count(id)).toBe(1)
      await client.end()
    },
  )
})
