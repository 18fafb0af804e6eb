import { analyze } from '@reprise/core'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { failure, kill, withClient } from './support.ts'

vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 })

let server: Server
let url: string
let admin: pg.Client

/** Answers as the one row of a table says: notices, rows, and perhaps an error. */
const speak = `CREATE TABLE script (words jsonb); INSERT INTO script VALUES ('{}');
CREATE FUNCTION f(says jsonb, field text) RETURNS text LANGUAGE sql AS 'SELECT coalesce(says->>field, $$-$$)';
CREATE FUNCTION speak() RETURNS SETOF text LANGUAGE plpgsql AS $$DECLARE says jsonb; script jsonb; BEGIN
 SELECT words INTO script FROM script;
 FOR says IN SELECT * FROM jsonb_array_elements(script->'notices') LOOP
  RAISE NOTICE USING MESSAGE = f(says, 'message'), DETAIL = f(says, 'detail'), HINT = f(says, 'hint'),
   ERRCODE = f(says, 'code'), CONSTRAINT = f(says, 'constraint'), TABLE = f(says, 'table'),
   COLUMN = f(says, 'column'), SCHEMA = f(says, 'schema'), DATATYPE = f(says, 'dataType');
 END LOOP;
 RETURN QUERY SELECT * FROM jsonb_array_elements_text(script->'rows');
 says := script->'error';
 IF jsonb_typeof(says) = 'object' THEN
  RAISE EXCEPTION USING MESSAGE = f(says, 'message'), DETAIL = f(says, 'detail'), HINT = f(says, 'hint'),
   ERRCODE = f(says, 'code'), CONSTRAINT = f(says, 'constraint'), TABLE = f(says, 'table'),
   COLUMN = f(says, 'column'), SCHEMA = f(says, 'schema'), DATATYPE = f(says, 'dataType');
 END IF; END$$;`

beforeAll(async () => {
  server = await Server.start()
  url = await server.createDatabase()
  admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(speak)
})
afterAll(async () => {
  await admin?.end()
  await server?.dispose()
})

/** What becomes of a transaction that got an answer, if the world is changed before it is replayed. */
async function fate(texts: readonly string[], change: string): Promise<'went on' | 'diverged'> {
  return withClient(url, async (client) => {
    client.on('notice', () => undefined)
    await client.query('BEGIN')
    await client.query('SAVEPOINT s')
    for (const text of texts) {
      await client.query(text).catch(() => client.query('ROLLBACK TO s'))
    }
    await kill(server, client)
    await admin.query(change)
    const code = await client.query('COMMIT').then(
      () => undefined,
      (error) => error.code,
    )
    if (code === undefined) return 'went on'
    expect(code).toBe('40001')
    return 'diverged'
  })
}

const fields = [
  'message',
  'detail',
  'hint',
  'constraint',
  'table',
  'column',
  'schema',
  'dataType',
] as const
const word = fc.constantFrom('a', 'b', 'ä', '5')
const report = fc.record({
  code: fc.constantFrom('P0001', '23505', '01000', '57P01'),
  ...(Object.fromEntries(fields.map((field) => [field, word])) as Record<string, typeof word>),
})
const script = fc.record({
  notices: fc.array(report, { maxLength: 3 }),
  rows: fc.array(word, { maxLength: 3 }),
  error: fc.option(report),
})
type Script = typeof script extends fc.Arbitrary<infer T> ? T : never

/** All scripts that differ from this one in a single thing. */
function neighbours({ notices, rows, error }: Script): Script[] {
  const others: Script[] = []
  const around = (list: readonly unknown[]): unknown[][] => [
    [...list, list.at(-1) ?? 'a'],
    ...(list.length > 0 ? [list.slice(1)] : []),
    ...(list.length > 1 && JSON.stringify(list[0]) !== JSON.stringify(list[1])
      ? [[list[1], list[0], ...list.slice(2)]]
      : []),
  ]
  const changed = (one: Record<string, string>): Record<string, string>[] =>
    Object.keys(one).map((field) => ({
      ...one,
      [field]: field === 'code' ? (one.code === '22012' ? '01000' : '22012') : `${one[field]}!`,
    }))
  const known = { message: 'a', code: 'P0001' }
  // Rows of a function that fails never leave the server.
  if (error === null) {
    for (const list of around(rows)) others.push({ notices, rows: list as Script['rows'], error })
  }
  for (const list of around(notices)) {
    const reports = list.map((one) => (one === 'a' ? known : one)) as typeof notices
    others.push({ notices: reports, rows, error })
  }
  const [first, ...rest] = notices
  if (first !== undefined)
    for (const one of changed(first))
      others.push({ notices: [one as typeof first, ...rest], rows, error })
  if (error === null) others.push({ notices, rows, error: known as never })
  else for (const one of changed(error)) others.push({ notices, rows, error: one as typeof error })
  return others
}

const says = (words: unknown): string =>
  `UPDATE script SET words = ${pg.escapeLiteral(JSON.stringify(words))}`

describe('an answer', () => {
  it('is equal if every notice, row and field of the error is, in order, and other if one is not', async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.nat(), async (first, pick) => {
        await admin.query(says(first))
        expect(await fate(['SELECT speak()'], says(first))).toBe('went on')
        const others = neighbours(first)
        const other = others[pick % others.length]
        expect(await fate(['SELECT speak()'], says(other))).toBe('diverged')
      }),
      { numRuns: 60 },
    )
  }, 120_000)

  it.each(['code', ...fields])('is other if only the %s of an error is', async (field) => {
    const one = { code: 'P0001', message: 'a', detail: 'd', hint: 'h', table: 't' }
    for (const kind of ['error', 'notice'] as const) {
      const make = (report: object): object =>
        kind === 'error'
          ? { notices: [], rows: [], error: report }
          : { notices: [report], rows: [] }
      await admin.query(says(make(one)))
      const change = says(make({ ...one, [field]: field === 'code' ? '22012' : 'x' }))
      expect(await fate(['SELECT speak()'], change)).toBe('diverged')
    }
  })

  it('is other if what the error came from is another statement of a function', async () => {
    const f = (body: string): string =>
      `CREATE OR REPLACE FUNCTION inner_error() RETURNS int LANGUAGE plpgsql AS $$BEGIN ${body} END$$`
    await admin.query(f("RETURN 'x'::int;"))
    expect(await fate(['SELECT inner_error()'], f("RETURN 'x'::int;"))).toBe('went on')
    expect(await fate(['SELECT inner_error()'], f("\n\nRETURN 'x'::int;"))).toBe('diverged')
    await admin.query(f("PERFORM 'x'::int; RETURN 1;"))
    expect(await fate(['SELECT inner_error()'], f("PERFORM 'x'::int + 1; RETURN 1;"))).toBe(
      'diverged',
    )
  })

  it('is other if a table that is dropped if it exists begins to exist', async () => {
    await admin.query('DROP TABLE IF EXISTS perhaps')
    const drop = 'DROP TABLE IF EXISTS perhaps'
    expect(await fate([drop], 'SELECT 1')).toBe('went on')
    expect(await fate([drop], 'CREATE TABLE perhaps ()')).toBe('diverged')
  })

  it('is other if it says of another number of rows that they were written', async () => {
    await admin.query('CREATE TABLE counted (n int); INSERT INTO counted VALUES (1), (2)')
    const text = 'UPDATE counted SET n = n WHERE n > 1'
    expect(await fate([text], 'SELECT 1')).toBe('went on')
    expect(await fate([text], 'UPDATE counted SET n = 3')).toBe('diverged')
  })

  it('is equal whatever the server tells of how long it took', async () => {
    const log = "SET LOCAL client_min_messages = 'log'; SET LOCAL log_min_duration_statement = 0"
    expect(await fate([log, 'SELECT 1', 'SELECT pg_sleep(0.01)'], 'SELECT 1')).toBe('went on')
  })
})

describe('each result of a text is compared for itself', () => {
  it('rows that change places between two results are another answer', async () => {
    await admin.query('CREATE TABLE left_ (n int); CREATE TABLE right_ (n int)')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 3 }),
        async (left, right) => {
          const fill = (a: number[], b: number[]): string =>
            `TRUNCATE left_, right_; INSERT INTO left_ SELECT unnest('{${a}}'::int[]); INSERT INTO right_ SELECT unnest('{${b}}'::int[])`
          await admin.query(fill(left, right))
          const text = 'SELECT n FROM left_; SELECT n FROM right_'
          const swapped = JSON.stringify(left) !== JSON.stringify(right)
          expect(await fate([text], fill(right, left))).toBe(swapped ? 'diverged' : 'went on')
        },
      ),
      { numRuns: 15 },
    )
  })
  it('a row that comes in the next result is another answer, where no tag counts rows', async () => {
    const make = (
      p: string,
      q: string,
    ): string => `DROP PROCEDURE IF EXISTS p; DROP PROCEDURE IF EXISTS q;
CREATE PROCEDURE p(${p} a int) LANGUAGE plpgsql AS 'BEGIN END'; CREATE PROCEDURE q(${q} a int) LANGUAGE plpgsql AS 'BEGIN END'`
    await admin.query(make('INOUT', 'IN'))
    expect(await fate(['CALL p(1); CALL q(1)'], make('INOUT', 'IN'))).toBe('went on')
    expect(await fate(['CALL p(1); CALL q(1)'], make('IN', 'INOUT'))).toBe('diverged')
  })
})

describe('rows in another order', () => {
  beforeAll(() =>
    admin.query(`CREATE TABLE runner (id int PRIMARY KEY, rank int, above int);
INSERT INTO runner VALUES (1, 1, NULL), (2, 2, 1), (3, 3, 1);
CREATE VIEW ranking AS SELECT id FROM runner ORDER BY rank;
CREATE VIEW "best" AS SELECT * FROM ranking;
CREATE FUNCTION ranked() RETURNS SETOF int LANGUAGE sql AS 'SELECT id FROM runner ORDER BY rank';
CREATE FUNCTION behind(runner) RETURNS SETOF int LANGUAGE sql AS
 'SELECT r.id FROM runner r WHERE $1.id = 1 ORDER BY r.rank';
CREATE TABLE medal (id int); CREATE TABLE list (marks int[], note json)`),
  )
  /** The rows lie the other way round. */
  const move = `TRUNCATE runner; INSERT INTO runner VALUES (3, 3, 1), (2, 2, 1), (1, 1, NULL)`
  /** And their ranks are turned, too. */
  const turn = `${move}; UPDATE runner SET rank = 4 - rank; UPDATE list SET marks = '{2,1}', note = '{"b":0,"a":0}'`
  beforeEach(() =>
    admin.query(
      'TRUNCATE runner, medal; INSERT INTO runner VALUES (1, 1, NULL), (2, 2, 1), (3, 3, 1); INSERT INTO medal VALUES (1), (2)',
    ),
  )
  beforeEach(() => admin.query(`TRUNCATE list; INSERT INTO list VALUES ('{1,2}', '{"a":0,"b":0}')`))

  it.each([
    'SELECT id FROM runner',
    'SELECT * FROM (SELECT id FROM runner) q WHERE id < 9',
    'WITH q AS (SELECT id FROM runner) SELECT id FROM q',
    'SELECT id, length($$order by$$) FROM runner /* ORDER BY */',
    'SELECT id FROM runner FOR UPDATE',
    'TABLE medal',
    'UPDATE runner SET above = NULL RETURNING id',
  ])('are the same answer where nothing gives them one: %s', async (text) => {
    expect(await fate([text], `${move}; TRUNCATE medal; INSERT INTO medal VALUES (2), (1)`)).toBe(
      'went on',
    )
  })
  it.each([
    'SELECT id FROM runner ORDER BY rank',
    'SELECT id FROM (SELECT id FROM runner ORDER BY rank) q',
    'WITH q AS (SELECT id FROM runner ORDER BY rank) SELECT id FROM q',
    'SELECT id, count(*) OVER (ORDER BY rank) > 0 FROM runner',
    'SELECT id FROM ranking',
    'SELECT id FROM ran\u006bing',
    'SELECT id FROM "best"',
    'SELECT id FROM U&"b\\0065st"',
    'SELECT * FROM ranked()',
    'SELECT ranked()',
    'SELECT (r).behind FROM runner r WHERE id = 1',
    'SELECT id FROM runner WHERE id = 1 UNION ALL SELECT id FROM (SELECT id FROM ranking) q',
    'SELECT id FROM runner WHERE rank < 3 UNION ALL SELECT id FROM runner WHERE rank = 3',
    'WITH RECURSIVE q AS (SELECT id, rank FROM runner WHERE rank = 1 UNION ALL SELECT r.id, r.rank FROM runner r JOIN q ON r.rank = q.rank + 1) SELECT id FROM q',
    'SELECT unnest(array_agg(id ORDER BY rank)) FROM runner',
    'SELECT unnest(marks) FROM list',
    'SELECT m FROM list, unnest(marks) AS m',
    'SELECT json_object_keys(note) FROM list',
    'SELECT x FROM unnest((SELECT array_agg(id) FROM runner)) WITH ORDINALITY u(x, n)',
    'INSERT INTO medal SELECT id FROM runner RETURNING id',
    'VALUES ((SELECT id FROM runner WHERE rank = 1)), ((SELECT id FROM runner WHERE rank = 2)), ((SELECT id FROM runner WHERE rank = 3))',
    'SELECT id FROM runner; SELECT 1',
    'EXPLAIN (COSTS OFF) SELECT 1',
  ])('are another answer where something does: %s', async (text) => {
    const expected = text.startsWith('EXPLAIN') ? 'went on' : 'diverged'
    expect(await fate([text], turn)).toBe(expected)
  })
  it.each([
    ['a cursor', ['DECLARE c CURSOR FOR SELECT id FROM runner', 'FETCH ALL FROM c']],
    ['a prepared statement', ['PREPARE x AS SELECT id FROM runner ORDER BY rank', 'EXECUTE x']],
  ])('are another answer when %s brings them', async (_name, texts) => {
    expect(await fate(texts, turn)).toBe('diverged')
  })
})

it('all functions that are known to be harmless and return a set have an order', async () => {
  const { rows } = await admin.query(
    "SELECT DISTINCT proname AS name FROM pg_proc WHERE proretset AND pronamespace = 'pg_catalog'::regnamespace",
  )
  for (const { name } of rows)
    expect([name, analyze(`SELECT ${name}(1)`).orderFree]).toEqual([name, false])
  expect(analyze('SELECT abs(1)').orderFree).toBe(true)
})

describe('a notice', () => {
  it('is heard once, whatever is replayed, restored or asked', async () => {
    await admin.query(says({ notices: [{ message: 'one', code: '01000' }], rows: ['a'] }))
    const heard: (string | undefined)[] = []
    await withClient(url, async (client) => {
      client.on('notice', ({ message }) => heard.push(message))
      await client.query('BEGIN')
      await client.query('SELECT speak()')
      await kill(server, client)
      await client.query('SELECT 1')
      await kill(server, client)
      await client.query('BEGIN')
      await client.query('COMMIT')
    })
    expect(heard).toEqual(['one', 'there is already a transaction in progress'])
  })
  it('of a replay that answers otherwise is not heard', async () => {
    const one = (message: string): string =>
      says({ notices: [{ message, code: '01000' }], rows: [], error: null })
    await admin.query(one('one'))
    const heard: (string | undefined)[] = []
    await withClient(url, async (client) => {
      client.on('notice', ({ message }) => heard.push(message))
      await client.query('BEGIN')
      await client.query('SELECT speak()')
      await kill(server, client)
      await admin.query(one('two'))
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '40001' })
      await client.query('ROLLBACK')
    })
    expect(heard).toEqual(['one'])
  })
  it('of a statement that was lost and done again is heard once', async () => {
    await admin.query(`CREATE FUNCTION slow() RETURNS int LANGUAGE plpgsql AS $$BEGIN
 RAISE NOTICE 'first'; PERFORM pg_advisory_xact_lock(7); RAISE NOTICE 'second'; RETURN 1; END$$`)
    const heard: (string | undefined)[] = []
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await admin.query('SELECT pg_advisory_lock(7)')
      const first = new Promise<void>((resolve) =>
        client.on('notice', ({ message }) => {
          heard.push(message)
          resolve()
        }),
      )
      const answer = client.query('SELECT slow() AS done')
      await first
      await server.terminate((client as unknown as { processID: number }).processID)
      await admin.query('SELECT pg_advisory_unlock(7)')
      expect((await answer).rows).toEqual([{ done: 1 }])
      await client.query('COMMIT')
    })
    expect(heard).toEqual(['first', 'second'])
  })
  it('is as with a plain client where nothing is lost', async () => {
    const script = {
      notices: [
        { message: 'one', code: '01000' },
        { message: 'two', code: '01000' },
      ],
      rows: ['x'],
      error: { message: 'three', code: 'P0001' },
    }
    await admin.query(says(script))
    const texts = [
      'SELECT speak()',
      'BEGIN',
      'BEGIN',
      'ROLLBACK',
      'ROLLBACK',
      'INSERT INTO medal SELECT 1',
    ]
    const run = async (client: pg.ClientBase): Promise<unknown[]> => {
      const heard: unknown[] = []
      client.on('notice', ({ message, code }) => heard.push([message, code]))
      for (const text of texts) await client.query(text).catch((error) => heard.push(error.message))
      return heard
    }
    const plain = new pg.Client({ connectionString: url })
    await plain.connect()
    const expected = await run(plain)
    await plain.end()
    expect(await withClient(url, run)).toEqual(expected)
    expect(expected).toHaveLength(5)
  })
})

it('an error that only the second run brings is another answer', async () => {
  await admin.query(says({ notices: [], rows: ['a'], error: null }))
  const error = await failure(
    withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT speak()')
      await kill(server, client)
      await admin.query(says({ notices: [], rows: ['a'], error: { code: 'P0001' } }))
      await client.query('COMMIT')
    }),
  )
  expect(error).toMatchObject({ code: '40001', outcome: 'rolled-back' })
})
