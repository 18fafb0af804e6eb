import fc from 'fast-check'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Proxy, Server, until } from '../../../test/kit/index.ts'
import { sessionOn } from './compare.ts'
import { failure, listen } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

let server: Server
let proxy: Proxy
let url: string
let admin: pg.Client
beforeAll(async () => {
  server = await Server.start()
  proxy = await Proxy.start(server)
  const direct = await server.createDatabase()
  url = proxy.url(direct)
  admin = new pg.Client({ connectionString: direct })
  await admin.connect()
  await admin.query('CREATE TABLE t (transaction int, a int)')
})
afterAll(async () => {
  await admin.end()
  await proxy.close()
  await server.dispose()
})

/** One statement of a transaction: what the application asks, without awaiting it. */
interface Step {
  readonly text: string
  /** By a pg.Query of the caller's own. */
  readonly own: boolean
  /** The transaction that it belongs to; one that ends by ROLLBACK has a negative number. */
  readonly id?: number
}

/** How a transaction ends; the last two open the next one. */
const ends = ['COMMIT', 'END', 'ROLLBACK', 'COMMIT AND CHAIN', 'COMMIT; BEGIN'] as const

const transactions = fc.array(
  fc.record({
    begin: fc.constantFrom('BEGIN', 'START TRANSACTION', 'BEGIN; SELECT 1'),
    inserts: fc.integer({ min: 1, max: 3 }),
    end: fc.constantFrom(...ends),
    own: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 4 },
)

let ids = 0

interface Block {
  readonly begin: string
  readonly inserts: number
  readonly end: (typeof ends)[number]
  readonly own: readonly boolean[]
}

function script(blocks: readonly Block[]): { steps: Step[]; sizes: Map<number, number> } {
  const steps: Step[] = []
  const sizes = new Map<number, number>()
  let open = false
  for (const { begin, inserts, end, own } of blocks) {
    const id = end === 'ROLLBACK' ? -++ids : ++ids
    sizes.set(id, inserts)
    if (!open) steps.push({ text: begin, own: own[0] === true, id })
    for (let i = 0; i < inserts; i++) {
      const text = `INSERT INTO t VALUES (${id}, ${i})`
      steps.push({ text, own: own[i + 1] === true, id })
    }
    steps.push({ text: end, own: own[4] === true, id })
    open = end === 'COMMIT AND CHAIN' || end === 'COMMIT; BEGIN'
  }
  return { steps, sizes }
}

function ask(client: pg.Client, { text, own }: Step): Promise<unknown> {
  if (!own) return client.query(text)
  return new Promise((resolve, reject) => {
    const told = (error: Error | null, result: unknown): void =>
      error ? reject(error) : resolve(result)
    client.query(new pg.Query(text, told as never))
  })
}

async function found(): Promise<Map<number, number>> {
  const { rows } = await admin.query<{ transaction: number; n: number }>(
    'SELECT transaction, count(*)::int AS n FROM t GROUP BY 1',
  )
  return new Map(rows.map(({ transaction, n }) => [transaction, n]))
}

/** A session that is connected, however long that takes, and soon gives up once it is not. */
async function impatient(): Promise<pg.Client> {
  for (;;) {
    const client = sessionOn(url, { deadline: 40 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return client
    } catch {
      await client.end()
    }
  }
}

/** The server goes away for longer than the session waits, and is back once something has failed. */
async function gone(
  client: pg.Client,
  steps: readonly Step[],
): Promise<PromiseSettledResult<unknown>[]> {
  const answers = steps.map((step) => ask(client, step))
  for (const answer of answers) answer.catch(() => proxy.refuse(false))
  return Promise.allSettled(answers)
}

/** Whether an answer says that nothing was kept. */
function isUndone(answer: PromiseSettledResult<unknown>): boolean {
  return answer.status === 'rejected' && /^(not-sent|rolled-back)$/.test(answer.reason.outcome)
}

describe('a transaction that is asked for all at once', () => {
  it('takes effect as a whole or not at all, whatever is lost at which frame', async () => {
    const moment = fc.integer({ min: 0, max: 40 })
    await fc.assert(
      fc.asyncProperty(transactions, moment, async (blocks, at) => {
        const { steps, sizes } = script(blocks)
        const client = await impatient()
        let frames = 0
        const stop = proxy.onFrame(() => {
          if (frames++ !== at) return 'pass'
          proxy.refuse(true)
          return 'reset'
        })
        const answers = await gone(client, steps)
        stop()
        proxy.refuse(false)
        await client.end()
        const rows = await found()
        for (const [id, size] of sizes) {
          const told = answers.filter((_, i) => steps[i]?.id === id)
          const failed = told.some(isUndone) || id < 0
          const known = failed || told.every(({ status }) => status === 'fulfilled')
          const whole = failed ? undefined : size
          expect(known ? [whole] : [undefined, size]).toContain(rows.get(id))
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('a BEGIN that is lost for good', () => {
  it.each([
    ['BEGIN', false],
    ['START TRANSACTION READ WRITE', false],
    ['SELECT 1; BEGIN', false],
    ['BEGIN', true],
  ])(
    '(%s, by a query of one’s own: %s) fails all that waits behind it, not-sent',
    async (text, own) => {
      const id = ++ids
      const client = await impatient()
      proxy.refuse(true)
      for (const connection of proxy.connections) connection.reset()
      const [begin, ...behind] = await gone(client, [
        { text, own },
        { text: `INSERT INTO t VALUES (${id}, 1)`, own: false },
        { text: `INSERT INTO t VALUES (${id}, 2)`, own: true },
        { text: 'COMMIT', own: false },
      ])
      expect(begin?.status).toBe('rejected')
      for (const answer of behind) {
        expect(answer).toMatchObject({ reason: { outcome: 'not-sent', reason: 'unopened' } })
      }
      expect((await found()).has(id)).toBe(false)
      const alive = async (): Promise<boolean> =>
        client.query('SELECT 1').then(
          () => true,
          () => false,
        )
      await until(alive)
      await client.end()
    },
  )
})

/** A session whose transaction was lost and could not be mended. */
async function broken(): Promise<pg.Client> {
  const client = sessionOn(url, { replay: 'off' })
  client.on('error', () => undefined)
  await client.connect()
  await client.query('BEGIN')
  for (const connection of proxy.connections) connection.reset()
  await failure(client.query('SELECT 1'))
  return client
}

describe('a broken transaction', () => {
  const id = 0
  it.each([
    'COMMIT AND CHAIN',
    'ROLLBACK AND CHAIN',
    'COMMIT; BEGIN',
    `ROLLBACK; INSERT INTO t VALUES (${id}, 1)`,
    `COMMIT; INSERT INTO t VALUES (${id}, 1)`,
    'ROLLBACK; ROLLBACK',
    'ROLLBACK TO SAVEPOINT a',
    "PREPARE TRANSACTION 'a'; SELECT 1",
    'SELECT 1',
    'BEGIN',
  ])('is not ended by %s', async (text) => {
    for (const own of [false, true]) {
      const client = await broken()
      const refused = { code: '25P02' }
      expect(await failure(ask(client, { text, own }))).toMatchObject(refused)
      const insert = `INSERT INTO t VALUES (${id}, 2)`
      expect(await failure(ask(client, { text: insert, own }))).toMatchObject(refused)
      expect(client.getTransactionStatus()).toBe('E')
      expect((await found()).has(id)).toBe(false)
      await client.query('ROLLBACK')
      expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
      await client.end()
    }
  })
  it.each(['ROLLBACK', 'ABORT', 'rollback work;', 'COMMIT', 'END', "PREPARE TRANSACTION 'a'"])(
    'is ended by %s',
    async (text) => {
      for (const own of [false, true]) {
        const client = await broken()
        const ended = ask(client, { text, own })
        if (/^(roll|abort)/i.test(text)) expect(await ended).toMatchObject({ command: 'ROLLBACK' })
        else expect(await failure(ended)).toMatchObject({ code: '40000', outcome: 'rolled-back' })
        expect(client.getTransactionStatus()).not.toBe('E')
        expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
        await client.end()
      }
    },
  )
  it('refuses a cursor, and lets it close', async () => {
    const client = await broken()
    const cursor = client.query(new Cursor('SELECT 1'))
    expect(await failure(cursor.read(1))).toMatchObject({ code: '25P02' })
    await cursor.close()
    await client.end()
  })
})

describe('a ROLLBACK behind a statement that was lost with its server', () => {
  const opened = async (id: number): Promise<pg.Client> => {
    const client = sessionOn(url, { deadline: 200 })
    await client.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES ($1, 1)', [id])
    return client
  }
  const fresh = async (): Promise<pg.Client> => {
    const client = sessionOn(url, { deadline: 200 })
    await client.connect()
    return client
  }
  it.each([
    ['BEGIN', fresh],
    ['SELECT 1', fresh],
    ['INSERT INTO t VALUES (0, 1)', fresh],
    ['SELECT 1', () => opened(++ids)],
    ['COMMIT', () => opened(++ids)],
  ] as const)('asks nobody, and hides nothing (%s)', async (text, open) => {
    for (const own of [false, true]) {
      const client = await open()
      using surfaced = listen('reprise:surface')
      const stop = proxy.onFrame(({ from }) => {
        if (from !== 'server') return 'pass'
        proxy.refuse(true)
        return 'reset'
      })
      const lost = await failure(client.query(text))
      stop()
      expect(lost).toHaveProperty('outcome')
      const told = surfaced.seen.length
      expect(told).toBeGreaterThan(0)
      expect(await ask(client, { text: 'ROLLBACK', own })).toMatchObject({ command: 'ROLLBACK' })
      expect(surfaced.seen).toHaveLength(told)
      proxy.refuse(false)
      expect((await client.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
      await client.end()
    }
  })
})
