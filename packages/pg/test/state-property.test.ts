import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { kill, withThrowaway } from './support.ts'

let server: Server
let url: string

beforeAll(async () => {
  server = await Server.start({ settings: { max_prepared_transactions: '100' } })
  url = await server.createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE ROLE acting; CREATE SCHEMA a; CREATE SCHEMA b;
    GRANT USAGE ON SCHEMA a, b TO PUBLIC;
    CREATE TABLE a.t AS SELECT 'a' AS own; CREATE TABLE b.t AS SELECT 'b' AS own;
    GRANT ALL ON a.t, b.t TO PUBLIC;
    CREATE FUNCTION public.act(who text) RETURNS void LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.who', who, false); END$$`)
  await admin.end()
})
afterAll(() => server?.dispose())

const show = `SELECT COALESCE(current_setting('app.who', true), '') AS who, current_user::text AS me,
  session_user::text AS login, current_setting('search_path') AS path, current_setting('work_mem') AS mem,
  current_setting('default_transaction_isolation') AS level,
  (SELECT json_agg(name ORDER BY name) FROM pg_prepared_statements WHERE from_sql) AS prepared`

const simple = [
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'COMMIT AND CHAIN',
  'ROLLBACK AND CHAIN',
  'SAVEPOINT s',
  'RELEASE s',
  'ROLLBACK TO s',
  'SAVEPOINT r',
  'ROLLBACK TO SAVEPOINT r',
  "SET app.who = '1'",
  "SET app.who = '2'",
  "SET LOCAL app.who = '3'",
  'RESET app.who',
  "SELECT set_config('app.who', '4', false)",
  "SELECT set_config('app.who', '5', true)",
  "SELECT set_config('app.who', (SELECT 'six'), false)",
  "SELECT public.act('7')",
  "DO $$BEGIN PERFORM set_config('app.who', '8', false); END$$",
  'SET search_path = a',
  'SET search_path = b',
  'SET search_path TO DEFAULT',
  "SET work_mem = '7MB'",
  'RESET ALL',
  'DISCARD ALL',
  'SET ROLE acting',
  'RESET ROLE',
  'SET LOCAL ROLE acting',
  'SET SESSION AUTHORIZATION acting',
  'SET SESSION AUTHORIZATION DEFAULT',
  'RESET SESSION AUTHORIZATION',
  "UPDATE pg_settings SET setting = '8MB' WHERE name = 'work_mem'",
  'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'RESET default_transaction_isolation',
  'PREPARE p AS SELECT own FROM t',
  'PREPARE q AS SELECT own FROM t',
  'DEALLOCATE p',
  'DEALLOCATE ALL',
  'SELECT 1/0',
  'SELECT 1',
  'PREPARE TRANSACTION $id$',
]

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...simple) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(...simple), { minLength: 2, maxLength: 4 })
      .map((of) => of.join('; ')),
  },
)
const step = fc.record({ text, own: fc.boolean() })
const inBlock = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('SAVEPOINT s', 'SAVEPOINT r') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('ROLLBACK TO s', 'ROLLBACK TO r', 'RELEASE s', 'RELEASE r'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...simple.slice(simple.indexOf("SET app.who = '1'"), -3)),
  },
)
/** A transaction with savepoints in it, which single steps seldom come to. */
const block = fc
  .tuple(
    fc.array(inBlock, { minLength: 1, maxLength: 8 }),
    fc.constantFrom('COMMIT', 'COMMIT', 'ROLLBACK', 'COMMIT AND CHAIN', 'PREPARE TRANSACTION $id$'),
    fc.boolean(),
  )
  .map(([body, end, own]) => ['BEGIN', ...body, end].map((text) => ({ text, own })))
const session = fc
  .array(fc.oneof(fc.array(step, { minLength: 1, maxLength: 7 }), block), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.flat())

interface Shown {
  readonly state: unknown
  readonly p: unknown
  readonly q: unknown
}

async function shown(client: pg.ClientBase): Promise<Shown> {
  const run = (query: string) =>
    client.query(query).then(
      ({ rows }) => rows,
      (error) => error.code,
    )
  return {
    state: (await client.query(show)).rows[0],
    p: await run('EXECUTE p'),
    q: await run('EXECUTE q'),
  }
}

function byQuery(client: pg.ClientBase, query: string): Promise<void> {
  const Query = (pg as unknown as { Query: new (...of: unknown[]) => pg.Submittable }).Query
  return new Promise((resolve, reject) => {
    client.query(new Query(query, (error?: Error) => (error ? reject(error) : resolve())))
  })
}

let ids = 0
const own = (query: string): string => query.replaceAll('$id$', () => `'${process.pid}-${++ids}'`)

it('whatever statements made of a session is the same after its connection was lost', async () => {
  await fc.assert(
    fc.asyncProperty(session, async (steps) => {
      const plain = new pg.Client({ connectionString: url })
      await plain.connect()
      for (const { text } of steps) await plain.query(own(text)).catch(() => undefined)
      await plain.query('ROLLBACK')
      const expected = await shown(plain)
      await plain.end()
      await withThrowaway(url, async (client) => {
        for (const { text, own: mine } of steps) {
          const done = mine ? byQuery(client, own(text)) : client.query(own(text))
          await (done as Promise<unknown>).catch(() => undefined)
        }
        await client.query('ROLLBACK')
        await client.query('SELECT 1')
        await kill(server, client)
        expect(await shown(client)).toEqual(expected)
      })
    }),
    {
      examples: [
        [
          [
            'SET SESSION AUTHORIZATION DEFAULT',
            'SET ROLE acting',
            "UPDATE pg_settings SET setting = '8MB' WHERE name = 'work_mem'",
          ].map((text) => ({ text, own: false })),
        ],
      ],
      numRuns: 200,
      interruptAfterTimeLimit: 60_000,
      endOnFailure: false,
    },
  )
}, 120_000)
