import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { failure, kill, withThrowaway } from './support.ts'

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** Where an expression is evaluated that no statement shows, and a statement that has it evaluated. */
const places: Readonly<Record<string, readonly [(call: string) => string, string]>> = {
  'a view': [(call) => `CREATE VIEW shown AS SELECT ${call} AS a`, 'SELECT * FROM shown'],
  'a rule': [
    (call) => `CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO ALSO SELECT ${call} AS a`,
    'INSERT INTO t VALUES (1)',
  ],
  'a default': [
    (call) => `CREATE TABLE t (a int, b text DEFAULT ${call}::text)`,
    'INSERT INTO t VALUES (1)',
  ],
  'a CHECK': [
    (call) => `CREATE TABLE t (a int CHECK (${call} IS NOT NULL))`,
    'INSERT INTO t VALUES (1)',
  ],
  'the CHECK of a domain': [
    (call) => `CREATE DOMAIN d AS int CHECK (${call} IS NOT NULL)`,
    'SELECT 1::d',
  ],
  'the default of a domain': [
    (call) => `CREATE DOMAIN d AS text DEFAULT ${call}::text; CREATE TABLE t (a int, b d)`,
    'INSERT INTO t VALUES (1)',
  ],
  'the default of an argument': [
    (call) =>
      `CREATE FUNCTION f(a text DEFAULT ${call}::text) RETURNS text LANGUAGE sql AS 'SELECT $1'`,
    'SELECT f()',
  ],
  'the default of a procedure’s argument': [
    (call) => `CREATE PROCEDURE f(a text DEFAULT ${call}::text) LANGUAGE sql AS 'SELECT $1'`,
    'CALL f()',
  ],
  'the condition of a trigger': [
    (call) => `CREATE TABLE t (a int);
      CREATE FUNCTION n() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
      CREATE TRIGGER n BEFORE INSERT ON t FOR EACH ROW WHEN (${call} IS NOT NULL) EXECUTE FUNCTION n()`,
    'INSERT INTO t VALUES (1)',
  ],
  'a policy': [
    (call) => `CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT ALL ON t TO PUBLIC;
      ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (${call} IS NOT NULL)`,
    'SELECT * FROM t',
  ],
  'what a policy checks': [
    (
      call,
    ) => `CREATE TABLE t (a int); GRANT ALL ON t TO PUBLIC; ALTER TABLE t ENABLE ROW LEVEL SECURITY;
      CREATE POLICY p ON t WITH CHECK (${call} IS NOT NULL)`,
    'INSERT INTO t VALUES (1)',
  ],
  'a body in SQL': [
    (call) => `CREATE FUNCTION f() RETURNS text BEGIN ATOMIC SELECT ${call}::text; END`,
    'SELECT f()',
  ],
}

/** What a session is answered that has run a statement in a database, and was lost. */
async function lostAfter(sql: string, text: string, as = ''): Promise<pg.QueryResult> {
  const url = await server.createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(sql)
  await admin.end()
  const { host, pathname } = new URL(url)
  const user = as === '' ? url : `postgres://${as}@${host}${pathname}`
  return withThrowaway(user, async (client) => {
    await client.query('SELECT 1')
    await client.query(text)
    // It is asked after before anything else runs.
    await client.query('SET app.rested = 1')
    await kill(server, client)
    return client.query("SELECT current_setting('app.only', true) AS it")
  })
}

/** What one is answered that has had an expression evaluated in such a place. */
async function afterLoss(place: string, call: string): Promise<pg.QueryResult> {
  const [make, text] = places[place] ?? [String, '']
  const role = `DO $$BEGIN CREATE ROLE somebody LOGIN; EXCEPTION WHEN duplicate_object THEN END$$;`
  return lostAfter(`${role} ${make(call)}`, text, place.includes('policy') ? 'somebody' : '')
}

/** `note(int)` says that it is IMMUTABLE, and leaves a setting. */
const note = `CREATE FUNCTION leave() RETURNS int LANGUAGE plpgsql AS
  $$BEGIN PERFORM set_config('app.only', 'x', false); RETURN 1; END$$;
  CREATE FUNCTION note(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN leave(); END$$;`
const parts = `CREATE TABLE item (id int) PARTITION BY RANGE (note(id));
  CREATE TABLE part PARTITION OF item FOR VALUES FROM (0) TO (10)`

describe('what is left by what a table is made of', () => {
  it.each([
    ['an index', 'CREATE TABLE item (id int); CREATE INDEX ON item (note(id))', 'item'],
    [
      'the condition of an index',
      'CREATE TABLE item (id int); CREATE INDEX ON item (id) WHERE note(id) = 1',
      'item',
    ],
    ['an exclusion', 'CREATE TABLE item (id int, EXCLUDE (note(id) WITH =))', 'item'],
    [
      'a generated column',
      'CREATE TABLE item (id int, n int GENERATED ALWAYS AS (note(id)) STORED)',
      'item',
    ],
    ['a key of partitions', parts, 'item'],
    ['a key of partitions, by the name of one', parts, 'part'],
  ])('is there again after a loss: %s', async (_what, sql, table) => {
    const { rows } = await lostAfter(`${note} ${sql}`, `INSERT INTO ${table} VALUES (1)`)
    expect(rows).toEqual([{ it: 'x' }])
  })
})

describe('what PostgreSQL’s own functions leave in a session, called where no statement shows it', () => {
  it.each(Object.keys(places))('is a setting that is there again, by %s', async (place) => {
    const { rows } = await afterLoss(place, "set_config('App.Only', 'x', false)")
    expect(rows).toEqual([{ it: 'x' }])
  })
  it.each(['a view', 'a default', 'the default of an argument'])(
    'is told of where nobody can ask after it, by %s',
    async (place) => {
      for (const call of [
        "set_config(concat('app.', 'only'), 'x', false)",
        "query_to_xml($$SELECT set_config('app.only', 'x', false)$$, true, true, '')",
        "coalesce(set_config('app.a', 'x', false), set_config(lower('APP.ONLY'), 'x', false))",
        'pg_try_advisory_lock(1)',
      ]) {
        expect(await failure(afterLoss(place, call))).toMatchObject({ reason: 'anchored' })
      }
    },
  )
  it('is there again whatever it is put together of', async () => {
    for (const value of [
      "concat('x', '}', ')', '\\')",
      "CASE WHEN '(' < '{' THEN 'x' ELSE 'x' END",
    ]) {
      for (const call of [
        `set_config('app.only', ${value}, false)`,
        `upper(set_config('app.only', ${value}, now() < '2000-01-01'))`,
      ]) {
        const { rows } = await afterLoss('a view', call)
        expect(rows[0].it).toMatch(/^x/)
      }
    }
  })
  it('is nothing where it is for a transaction, whatever its name', async () => {
    const call = "set_config(concat('app.', 'only'), concat('}', '{'), true)"
    expect((await afterLoss('a body in SQL', call)).rows[0].it ?? '').toBe('')
  })
  it.each([
    [
      'an operator',
      'CREATE OPERATOR !! (RIGHTARG = int8, FUNCTION = pg_try_advisory_lock)',
      'SELECT !! 7::int8',
    ],
    [
      'a cast',
      'CREATE CAST (int8 AS boolean) WITH FUNCTION pg_try_advisory_lock(int8)',
      'SELECT 7::int8::boolean',
    ],
    [
      'an aggregate',
      'CREATE AGGREGATE locked(int8) (SFUNC = int8pl, STYPE = int8, INITCOND = 0, FINALFUNC = pg_try_advisory_lock)',
      'SELECT locked(n) FROM generate_series(1, 3) n',
    ],
  ])(
    'is told of when it is lost, where it is called by the name of %s',
    async (_what, sql, text) => {
      expect(await failure(lostAfter(sql, text))).toMatchObject({ reason: 'anchored' })
    },
  )
  it.each(Object.keys(places))('is nothing where it is done with at once, by %s', async (place) => {
    const { rows } = await afterLoss(place, "set_config('app.only', 'x', true)")
    expect(['', null]).toContain(rows[0].it)
  })
})
