import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { kill, withClient } from './support.ts'

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** Two tables with sequences, and what some statement is to be told of the last number. */
async function databaseWith(sql: string): Promise<{ url: string; admin: pg.Client }> {
  const url = await server.createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE TABLE item (id serial PRIMARY KEY, name text); CREATE TABLE other (id serial);
SELECT setval('other_id_seq', 1000); CREATE TABLE audit (n bigint); CREATE TABLE plain (a int); ${sql}`)
  return { url, admin }
}

/** Ways to be told which number this session drew last, without a word of it in the statement. */
const ways: readonly (readonly [string, string, string])[] = [
  ['a view', 'CREATE VIEW v AS SELECT lastval() AS n', 'INSERT INTO audit SELECT n FROM v'],
  [
    'a view that names the sequence',
    "CREATE VIEW v AS SELECT currval('item_id_seq') AS n",
    'INSERT INTO audit SELECT n FROM v',
  ],
  [
    'a rule',
    'CREATE RULE r AS ON INSERT TO plain DO ALSO INSERT INTO audit VALUES (lastval())',
    'INSERT INTO plain VALUES (1)',
  ],
  [
    'a function',
    'CREATE FUNCTION last() RETURNS bigint LANGUAGE sql AS $$SELECT lastval()$$',
    'INSERT INTO audit SELECT last()',
  ],
  [
    'a body in SQL',
    'CREATE FUNCTION last() RETURNS bigint BEGIN ATOMIC SELECT lastval(); END',
    'INSERT INTO audit SELECT last()',
  ],
  [
    'a trigger',
    `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO audit VALUES (lastval()); RETURN NULL; END$$;
     CREATE TRIGGER note AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION note()`,
    'INSERT INTO plain VALUES (1)',
  ],
  [
    'a trigger’s WHEN',
    `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO audit VALUES (1); RETURN NULL; END$$;
     CREATE TRIGGER note AFTER INSERT ON plain FOR EACH ROW WHEN (lastval() < 1000) EXECUTE FUNCTION note()`,
    'INSERT INTO plain VALUES (1)',
  ],
  [
    'a default',
    'ALTER TABLE audit ALTER n SET DEFAULT lastval()',
    'INSERT INTO audit DEFAULT VALUES',
  ],
  [
    'the default of a domain',
    'CREATE DOMAIN last AS bigint DEFAULT lastval(); CREATE TABLE noted (a int, n last)',
    'WITH i AS (INSERT INTO noted (a) VALUES (1) RETURNING n) INSERT INTO audit SELECT n FROM i',
  ],
  [
    'a policy',
    `ALTER TABLE audit ENABLE ROW LEVEL SECURITY; CREATE ROLE somebody; GRANT ALL ON ALL TABLES IN SCHEMA public TO somebody;
     GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO somebody;
     INSERT INTO plain VALUES (1), (1000); CREATE POLICY p ON audit USING (true);
     ALTER TABLE plain ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON plain USING (a < lastval())`,
    'INSERT INTO audit SELECT a FROM plain',
  ],
]

describe('a replay that keeps numbers hides from nothing which number came last', () => {
  it.each(ways)('%s', async (_what, sql, text) => {
    const { url, admin } = await databaseWith(sql)
    const role = sql.includes('somebody')
    /** What is left behind, where the backend is killed before some of the statements. */
    const left = async (...kills: number[]): Promise<unknown> => {
      await admin.query('TRUNCATE audit, item, other RESTART IDENTITY')
      await admin.query("SELECT setval('other_id_seq', 1000)")
      return withClient(url, async (client) => {
        if (role) await client.query('SET ROLE somebody')
        const steps = [
          'BEGIN',
          'INSERT INTO other DEFAULT VALUES',
          "INSERT INTO item (name) VALUES ('a') RETURNING id",
          text,
          'COMMIT',
        ]
        try {
          for (const [i, step] of steps.entries()) {
            if (kills.includes(i)) await kill(server, client)
            await client.query(step)
          }
        } catch (error) {
          await client.query('ROLLBACK')
          return (error as { code?: string }).code
        }
        return (await admin.query('SELECT n::int AS n FROM audit ORDER BY n')).rows
      })
    }
    const plainly = await left()
    expect(Array.isArray(plainly)).toBe(true)
    for (const kills of [[3], [4], [3, 4]])
      expect([plainly, '40001']).toContainEqual(await left(...kills))
    if (role) await admin.query('DROP OWNED BY somebody; DROP ROLE somebody')
    await admin.end()
  })
})

describe('a table is the one that its name leads to', () => {
  it.each([
    ['app, public', 'app'],
    ['other, app', 'app'],
    ['public, app', 'public'],
  ])('by the search_path %s', async (path, schema) => {
    const { url, admin } = await databaseWith(`CREATE SCHEMA app; CREATE SCHEMA other;
      CREATE TABLE app.noted (name text, at timestamptz DEFAULT now());
      CREATE TABLE public.noted (name text, at date DEFAULT CURRENT_DATE, made timestamptz DEFAULT now())`)
    await withClient(url, async (client) => {
      await client.query(`SET search_path = ${path}`)
      await client.query('BEGIN')
      const { rows } = await client.query('SELECT now() AS at')
      await client.query("INSERT INTO noted (name) VALUES ('a')")
      await kill(server, client)
      await client.query('COMMIT')
      const column = schema === 'app' ? 'at' : 'made'
      expect((await admin.query(`SELECT ${column} AS at FROM ${schema}.noted`)).rows).toEqual(rows)
    })
    await admin.end()
  })
})

describe('the questions of a replay', () => {
  const insert = "INSERT INTO item (name) VALUES ('a') RETURNING id, now() AS at"
  it('call no operator of the database itself', async () => {
    const { url, admin } = await databaseWith(`CREATE TABLE called (n int);
      CREATE FUNCTION at_least(oid, int) RETURNS boolean LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO called VALUES (1); RETURN $1::int8 >= $2; END$$;
      CREATE OPERATOR >= (LEFTARG = oid, RIGHTARG = int, FUNCTION = at_least);
      CREATE FUNCTION above(smallint, int) RETURNS boolean LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO called VALUES (2); RETURN $1::int8 > $2; END$$;
      CREATE OPERATOR > (LEFTARG = smallint, RIGHTARG = int, FUNCTION = above)`)
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query(insert)
      await kill(server, client)
      await client.query('COMMIT')
    }).catch((error) => error)
    expect((await admin.query('SELECT FROM called')).rowCount).toBe(0)
    await admin.end()
  })
  it('wait for no lock of what they are about', async () => {
    const { url, admin } = await databaseWith(
      'CREATE VIEW v AS SELECT a FROM plain; CREATE FUNCTION read() RETURNS int BEGIN ATOMIC SELECT a FROM plain; END',
    )
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query("INSERT INTO item (name) VALUES ('a') RETURNING id")
      await admin.query('BEGIN; LOCK TABLE plain')
      await kill(server, client)
      await client.query('COMMIT')
    })
    await admin.query('ROLLBACK')
    await admin.end()
  })
  it('are not kept from it by a statement_timeout', async () => {
    const { url, admin } = await databaseWith('')
    await withClient(url, async (client) => {
      await client.query('SET statement_timeout = 2')
      await client.query('BEGIN')
      await client.query(insert)
      await kill(server, client)
      await client.query('COMMIT')
    })
    await admin.end()
  })
})
