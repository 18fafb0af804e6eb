import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { failure, kill, poolOn, withClient, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** A database in which something sets app.who, or takes a lock, for some values only. */
async function databaseWith(sql: string): Promise<string> {
  const url = await server.createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE TABLE item (id int, who text);
    CREATE FUNCTION sometimes(id int, who text) RETURNS boolean LANGUAGE plpgsql AS
      $$BEGIN IF id > 50 THEN PERFORM set_config('app.who', who, false); END IF; RETURN true; END$$;
    CREATE FUNCTION deep(id int) RETURNS boolean LANGUAGE sql AS $$SELECT sometimes(id, 'x')$$;
    ${sql}`)
  await admin.end()
  return url
}

const trigger = `CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM deep(new.id); RETURN new; END$$;
  CREATE TRIGGER audit BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION audit();`

/** Ways to reach it without a word of it in the statement; each is given a number. */
const ways: readonly (readonly [string, string, (id: number) => string])[] = [
  ['a function', '', (id) => `SELECT sometimes(${id}, 'x')`],
  ['a function of a function', '', (id) => `SELECT deep(${id})`],
  ['a trigger', trigger, (id) => `INSERT INTO item VALUES (${id})`],
  [
    'a trigger behind a view',
    `${trigger} CREATE VIEW shown AS SELECT id FROM item;`,
    (id) => `INSERT INTO shown VALUES (${id})`,
  ],
  [
    'a trigger of a partition',
    `${trigger} CREATE TABLE whole (id int) PARTITION BY LIST (id);
     CREATE TABLE part PARTITION OF whole DEFAULT;
     CREATE TRIGGER audit BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION audit();`,
    (id) => `INSERT INTO whole VALUES (${id})`,
  ],
  [
    'the cascade of a foreign key',
    `CREATE TABLE above (id int PRIMARY KEY); CREATE TABLE below (id int REFERENCES above ON DELETE CASCADE);
     INSERT INTO above SELECT generate_series(0, 99); INSERT INTO below SELECT id FROM above;
     CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
       $$BEGIN PERFORM deep(old.id); RETURN old; END$$;
     CREATE TRIGGER audit BEFORE DELETE ON below FOR EACH ROW EXECUTE FUNCTION audit();`,
    (id) => `DELETE FROM above WHERE id = ${id}`,
  ],
  [
    'a view',
    `INSERT INTO item SELECT generate_series(0, 99); CREATE VIEW shown AS SELECT id, deep(id) FROM item;`,
    (id) => `SELECT * FROM shown WHERE id = ${id}`,
  ],
  [
    'a view of a view',
    `INSERT INTO item SELECT generate_series(0, 99); CREATE VIEW shown AS SELECT id, deep(id) FROM item;
     CREATE VIEW "Odd one" AS SELECT * FROM shown;`,
    (id) => `SELECT * FROM "Odd one" WHERE id = ${id}`,
  ],
  [
    'a view of a built-in function',
    `INSERT INTO item SELECT generate_series(0, 99);
     CREATE VIEW shown AS SELECT id, CASE WHEN id > 50 THEN set_config('app.who', 'x', false) END FROM item;`,
    (id) => `SELECT * FROM shown WHERE id = ${id}`,
  ],
  [
    'a rule',
    `CREATE TABLE other (id int); CREATE RULE also AS ON INSERT TO other DO ALSO SELECT deep(new.id);`,
    (id) => `INSERT INTO other VALUES (${id})`,
  ],
  [
    'a default',
    `CREATE TABLE other (id int, done boolean DEFAULT deep(coalesce(current_setting('app.n', true), '0')::int));`,
    (id) => `SET app.n = ${id}; INSERT INTO other VALUES (1)`,
  ],
  [
    'a constraint',
    'CREATE TABLE other (id int CHECK (deep(id)));',
    (id) => `INSERT INTO other VALUES (${id})`,
  ],
  ['a domain', 'CREATE DOMAIN odd AS int CHECK (deep(value));', (id) => `SELECT ${id}::odd`],
  [
    'an operator',
    `CREATE FUNCTION compare(int, int) RETURNS boolean LANGUAGE sql AS $$SELECT deep($1)$$;
     CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = compare);`,
    (id) => `SELECT ${id} ### 1`,
  ],
  [
    'a cast',
    `CREATE TYPE pair AS (a int, b int);
     CREATE FUNCTION paired(int) RETURNS pair LANGUAGE sql AS $$SELECT ROW($1, deep($1)::int)::pair$$;
     CREATE CAST (int AS pair) WITH FUNCTION paired(int);`,
    (id) => `SELECT ${id}::pair`,
  ],
  [
    'an aggregate',
    `CREATE FUNCTION step(int, int) RETURNS int LANGUAGE sql AS $$SELECT deep($2)::int$$;
     CREATE AGGREGATE summed(int) (SFUNC = step, STYPE = int, INITCOND = 0);`,
    (id) => `SELECT summed(${id})`,
  ],
  [
    'an attribute',
    `CREATE TYPE pair AS (a int); CREATE FUNCTION looked(pair) RETURNS boolean LANGUAGE sql AS $$SELECT deep($1.a)$$;`,
    (id) => `SELECT (ROW(${id})::pair).looked`,
  ],
  [
    'a procedure',
    'CREATE PROCEDURE go(id int) LANGUAGE plpgsql AS $$BEGIN PERFORM deep(id); END$$;',
    (id) => `CALL go(${id})`,
  ],
  [
    'a text that is executed',
    `CREATE FUNCTION run(id int) RETURNS void LANGUAGE plpgsql AS
       $$BEGIN EXECUTE format('SELECT deep(%s)', id); END$$;`,
    (id) => `SELECT run(${id})`,
  ],
  ['DO', '', (id) => `DO $$BEGIN PERFORM deep(${id}); END$$`],
]

/** A session asks what there is to ask before anything else: this has had to wait for that. */
async function rested(client: pg.PoolClient): Promise<void> {
  await client.query('SET app.rested = 1')
}

async function killRested(client: pg.PoolClient): Promise<void> {
  await rested(client)
  await kill(server, client)
}

const who = "SELECT current_setting('app.who', true) AS who"

describe('what is left in the session only for some values is there again after a loss', () => {
  it.each(ways)('by %s', async (_what, sql, statement) => {
    const url = await databaseWith(sql)
    await withThrowaway(url, async (client) => {
      // Harmless for so long that whoever judges by experience has made up his mind.
      for (let id = 0; id < 20; id++) await client.query(statement(id))
      await client.query(statement(70))
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
  })
})

describe('a policy', () => {
  it('that leaves something in the session only for some rows', async () => {
    const url = await databaseWith(`INSERT INTO item SELECT generate_series(0, 99);
      ALTER TABLE item ENABLE ROW LEVEL SECURITY; ALTER TABLE item FORCE ROW LEVEL SECURITY;
      CREATE POLICY seen ON item USING (deep(id)); CREATE ROLE reader LOGIN; GRANT SELECT ON item TO reader`)
    const { host, pathname } = new URL(url)
    await withThrowaway(`postgres://reader@${host}${pathname}`, async (client) => {
      await client.query('SELECT FROM item WHERE id = 1')
      await client.query('SELECT FROM item WHERE id = 70')
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
  })
})

describe('what nobody can ask after', () => {
  const hiding = `CREATE FUNCTION put(key text, value text) RETURNS void LANGUAGE plpgsql AS
    $$BEGIN PERFORM set_config('app.' || key, value, false); END$$;
    CREATE FUNCTION put_as(key text, value text) RETURNS void LANGUAGE plpgsql AS
    $$BEGIN PERFORM set_config(key, value, false); END$$;`

  it('is told of when it is lost', async () => {
    const url = await databaseWith(hiding)
    await withThrowaway(url, async (client) => {
      await client.query('SELECT put($1, $2)', ['tenant', '42'])
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
  })
  it('is there again where its name was among the values', async () => {
    const url = await databaseWith(hiding)
    await withThrowaway(url, async (client) => {
      await client.query('SELECT put_as($1, $2)', ['app.who', '42'])
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: '42' }])
    })
  })
  it('is forgotten by RESET ALL', async () => {
    const url = await databaseWith(hiding)
    await withThrowaway(url, async (client) => {
      await client.query('SELECT put($1, $2)', ['tenant', '42'])
      await client.query('RESET ALL')
      await killRested(client)
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
  })
  it('is replaced in silence while the session lies in its pool', async () => {
    const url = await databaseWith(hiding)
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('SELECT put($1, $2)', ['tenant', '42'])
    await client.query('SELECT 1')
    client.release()
    await kill(server, client)
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })
})

describe('a function that was made later', () => {
  it('by this application is seen at once', async () => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await client.query(trigger)
      await client.query('INSERT INTO item VALUES (70)')
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
  })
  it('by somebody else is found when the session is lost, and told of', async () => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await rested(client)
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      await admin.query(trigger)
      await admin.end()
      await client.query('INSERT INTO item VALUES (70)')
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
      await client.query('INSERT INTO item VALUES (71)')
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
  })
  it('is nothing to a session that ran nothing since', async () => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await killRested(client)
      await client.query('SET work_mem = 9999')
      await server.sql('SELECT 1')
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      await admin.query(trigger)
      await admin.end()
      await killRested(client)
      expect((await client.query('SHOW work_mem')).rows).toEqual([{ work_mem: '9999kB' }])
    })
  })
})

describe('a first transaction', () => {
  it('that is killed before anybody has read the catalog goes on', async () => {
    const url = await databaseWith(trigger)
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query('INSERT INTO item VALUES (70)')
      await kill(server, client)
      await client.query('INSERT INTO item VALUES (1)')
      await client.query('COMMIT')
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
  })
})

describe('asking', () => {
  it('is not done behind statements that reach nothing', async () => {
    const url = await databaseWith(`${trigger} CREATE TABLE plain (id int);`)
    await withThrowaway(url, async (client) => {
      const { processID } = client as unknown as { processID: number }
      const last = async (): Promise<unknown> => {
        const [row] = await server.sql('SELECT query FROM pg_stat_activity WHERE pid = $1', [
          processID,
        ])
        return (row as { query: string }).query
      }
      await client.query('INSERT INTO plain VALUES (1)')
      for (const text of ['INSERT INTO plain VALUES (2)', 'SELECT * FROM item', 'SELECT 1']) {
        await client.query(text)
        expect(await last()).toContain(text.startsWith('INSERT') ? 'pg_current_xact_id' : text)
      }
      await client.query('INSERT INTO item VALUES (3)')
      await client.query('SET work_mem = 9999')
      expect(await last()).toBe('SET work_mem = 9999')
    })
  })
})
