import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, outcomeOf, Proxy, Server } from '../../../test/kit/index.ts'
import { withThrowaway } from './support.ts'

let server: Server
let proxy: Proxy
let direct: string
let admin: pg.Client

beforeAll(async () => {
  server = await Server.start({ settings: { max_prepared_transactions: '900' } })
  direct = await server.createDatabase()
  proxy = await Proxy.start(server)
  admin = new pg.Client({ connectionString: direct })
  await admin.connect()
  await admin.query(`CREATE TABLE t (n int, s text); CREATE VIEW v AS SELECT n FROM t;
    CREATE FUNCTION put(int) RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES ($1) RETURNING n';
    CREATE PROCEDURE twice(int) LANGUAGE plpgsql AS
      $$BEGIN INSERT INTO t VALUES ($1); COMMIT; INSERT INTO t VALUES (-$1); END$$`)
})
afterAll(async () => {
  await admin?.end()
  await proxy?.close()
  await server?.dispose()
})

// @ is a number that no other statement has.
const insert = 'INSERT INTO t VALUES (@)'
const texts = [
  insert,
  `${insert} RETURNING n`,
  'SELECT put(@)',
  'SELECT count(*)::int FROM v',
  'SELECT 1/0',
  'BEGIN',
  'BEGIN ISOLATION LEVEL REPEATABLE READ',
  'COMMIT',
  'ROLLBACK',
  'COMMIT AND CHAIN',
  'ROLLBACK AND CHAIN',
  'SAVEPOINT s',
  'ROLLBACK TO s',
  'RELEASE s',
  'PREPARE TRANSACTION $id$',
  'CALL twice(@)',
  'SET standard_conforming_strings = off',
  'SET standard_conforming_strings = on',
  // A COMMIT only where a backslash escapes.
  `INSERT INTO t VALUES (@, 'a\\''); COMMIT; --')`,
  `BEGIN; ${insert}`,
  `${insert}; COMMIT`,
  `${insert}; COMMIT; BEGIN`,
  `ROLLBACK; ${insert}`,
  `SELECT 1; ${insert}`,
  `${insert}; SELECT 1/0`,
  `COMMIT; BEGIN; ${insert}`,
]

interface Asked {
  readonly text: string
  readonly own: boolean
}

const step = fc.record({ text: fc.constantFrom(...texts), own: fc.boolean() })
const block = fc
  .tuple(
    fc.array(
      fc.record({ text: fc.constantFrom(...texts.slice(0, 5), 'SAVEPOINT s'), own: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
    fc.constantFrom('COMMIT', 'COMMIT AND CHAIN', 'PREPARE TRANSACTION $id$', `${insert}; COMMIT`),
  )
  .map(([body, end]): Asked[] => [
    { text: 'BEGIN', own: false },
    ...body,
    { text: end, own: false },
  ])
const session = fc
  .array(fc.oneof(fc.array(step, { minLength: 1, maxLength: 5 }), block), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.flat())

let ids = 0

/** What is told of one statement, as plain data. */
function told({ text, own }: Asked, client: pg.ClientBase): Promise<unknown> {
  const answer = new Promise((resolve, reject) => {
    if (!own) client.query(text).then(resolve, reject)
    else {
      const done = (error: Error | null, result: unknown): void =>
        error ? reject(error) : resolve(result)
      client.query(new pg.Query(text, done as never))
    }
  })
  return answer.then((result) =>
    [result].flat().map((one) => {
      const { command, rowCount, rows } = one as pg.QueryResult
      return { command, rowCount, rows }
    }),
  )
}

/** All rows that are committed, in order. */
async function rows(): Promise<number[]> {
  const { rows } = await admin.query('SELECT n FROM t ORDER BY n')
  return rows.map(({ n }) => n)
}

/** What a plain client is told, and what is committed behind each statement. */
async function plainly(asked: readonly Asked[]): Promise<{ told: unknown[]; after: number[][] }> {
  await forget()
  await admin.query('TRUNCATE t')
  const client = new pg.Client({ connectionString: direct })
  await client.connect()
  const seen: unknown[] = []
  const after: number[][] = []
  for (const one of asked) {
    seen.push(await told(one, client).catch((error) => error.code))
    after.push(await rows())
  }
  await client.end()
  return { told: seen, after }
}

const loseAnswers = (): Action => 'swallow'

const faults: readonly (() => Action | Promise<Action>)[] = [
  () => 'reset',
  () => 'pass-then-reset',
  loseAnswers,
  async (): Promise<Action> => {
    await admin.query(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'books'",
    )
    return 'pass'
  },
]

/** Steps with the names and numbers of one run. */
function asked(steps: readonly Asked[]): Asked[] {
  const run = `'books-${++ids}'`
  return steps.map(({ text, own }, at) => ({
    own,
    text: text.replaceAll('@', String(at + 1)).replaceAll('$id$', () => run),
  }))
}

interface Loss {
  readonly fault: () => Action | Promise<Action>
  /** At which frame, from 0; none at -1. */
  readonly at: number
  /** The frames of which step are counted; of all where it is not given. */
  readonly of?: number
}

/**
 * Executes steps in a session that loses its connection once, and holds what it is told against what a
 * plain client is, or against what is in the database.
 * @returns how many frames there were
 */
async function holds(steps: readonly Asked[], loss: Loss, listening = false): Promise<number> {
  const plain = await plainly(asked(steps))
  await forget()
  await admin.query('TRUNCATE t')
  let frames = 0
  let current = -1
  await withThrowaway(`${proxy.url(direct)}?application_name=books`, async (client) => {
    client.on('error', () => undefined)
    await client.query(listening ? 'LISTEN books' : 'SELECT 1')
    const stop = proxy.onFrame(() => {
      if (loss.of !== undefined && loss.of !== current) return 'pass'
      return frames++ === loss.at ? loss.fault() : 'pass'
    })
    for (const [i, one] of asked(steps).entries()) {
      current = i
      const before = plain.after[i - 1] ?? []
      const answer = await told(one, client).catch((error) => ({ error }))
      const { error } = answer as { error?: { code?: string } }
      const outcome = error === undefined ? undefined : outcomeOf(error)
      // A COMMIT that is answered by ROLLBACK is an error here.
      const undone = error?.code === '40000'
      if (outcome === undefined || undone) {
        const expected = plain.told[i]
        if (undone) expect(expected).toMatchObject([{ command: 'ROLLBACK' }])
        else expect(error === undefined ? answer : error.code).toEqual(expected)
        expect(await rows()).toEqual(plain.after[i])
        continue
      }
      await client.query('ROLLBACK').catch(() => undefined)
      const now = await rows()
      expect(new Set(now).size).toBe(now.length)
      if (outcome === 'committed') expect(now).toEqual(plain.after[i])
      else if (outcome === 'in-doubt') expect(now).toEqual(expect.arrayContaining(before))
      else expect(now).toEqual(before)
      break
    }
    stop()
  })
  await forget()
  return frames
}

const contexts: [string, string[]][] = [
  ['in autocommit', []],
  ['in a transaction', ['BEGIN', insert]],
]

describe.each(contexts)('%s', (_name, before) => {
  it.each(texts)(
    '%s, lost at each of its frames: never done twice, and what is told is true',
    async (text) => {
      for (const own of [false, true]) {
        const steps = [...before, text, insert, 'COMMIT'].map((one) => ({
          text: one,
          own: own && one === text,
        }))
        const of = before.length
        const frames = await holds(steps, { fault: () => 'pass', at: -1, of })
        for (let at = 0; at < frames; at++) {
          // The loss of all answers leaves the most to guess; the others take turns.
          const fault = own ? (faults[(at + 1) % faults.length] as Loss['fault']) : loseAnswers
          await holds(steps, { fault, at, of })
        }
      }
    },
  )
})

it('whatever order the books come in, and whatever frame the connection ends at: what is told is what a plain client would be, or true', async () => {
  await fc.assert(
    fc.asyncProperty(
      session,
      fc.constantFrom(...faults),
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true }), { minLength: 3, maxLength: 3 }),
      fc.boolean(),
      async (steps, fault, places, listening) => {
        const frames = await holds(steps, { fault, at: -1 }, listening)
        for (const place of places) {
          await holds(steps, { fault, at: Math.floor(place * frames) }, listening)
        }
      },
    ),
    { numRuns: 60, interruptAfterTimeLimit: 30_000, endOnFailure: false },
  )
}, 120_000)

async function forget(): Promise<void> {
  const { rows } = await admin.query(
    'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()',
  )
  for (const { gid } of rows) await admin.query(`ROLLBACK PREPARED '${gid}'`)
}
