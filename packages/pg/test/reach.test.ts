import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Proxy, Server } from '../../../test/kit/index.ts'
import type { Connection } from '../src/connection/connection.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'
import { isReplicated } from '../src/recovery/replication.ts'
import { failure, kill, poolOn, withClient, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** Somebody else does this in a database. */
async function elsewhere(url: string, sql: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(sql)
  await admin.end()
}

/** A database in which something sets app.who, or takes a lock, for some values only. */
async function databaseWith(sql: string, at?: string): Promise<string> {
  const url = at ?? (await server.createDatabase())
  await elsewhere(
    url,
    `CREATE TABLE item (id int, who text);
    CREATE FUNCTION sometimes(id int, who text) RETURNS boolean LANGUAGE plpgsql AS
      $$BEGIN IF id > 50 THEN PERFORM set_config('app.who', who, false); END IF; RETURN true; END$$;
    CREATE FUNCTION deep(id int) RETURNS boolean LANGUAGE sql AS $$SELECT sometimes(id, 'x')$$;
    ${sql}`,
  )
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
    'an attribute behind a comment',
    `CREATE TYPE pair AS (a int); CREATE FUNCTION looked(pair) RETURNS boolean LANGUAGE sql AS $$SELECT deep($1.a)$$;`,
    (id) => `SELECT (ROW(${id})::pair). -- the comment of a line\n looked`,
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
  [
    'a body in SQL of a body in SQL',
    `CREATE FUNCTION first(id int) RETURNS boolean BEGIN ATOMIC SELECT sometimes(id, 'x'); END;
     CREATE FUNCTION second(id int) RETURNS boolean BEGIN ATOMIC SELECT first(id); END;`,
    (id) => `SELECT second(${id})`,
  ],
  [
    'a statement that SQL prepared, with its types',
    '',
    (id) => `DEALLOCATE ALL; PREPARE plan(int) AS SELECT deep($1); EXECUTE plan(${id})`,
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

/** Where a name, or a way to write it, is unlike what the catalog has. */
const names: readonly (readonly [string, string, readonly string[]])[] = [
  ['a prepared statement with types', '', ['PREPARE p(int) AS SELECT deep($1)', 'EXECUTE p(70)']],
  ['a quoted one', '', ['PREPARE "P q" AS SELECT deep(70)', 'EXECUTE "P q"']],
  ['one behind a comment', '', ['PREPARE p AS SELECT deep(70)', '/* c */ EXECUTE p']],
  ['one that is explained', '', ['PREPARE p AS SELECT deep(70)', 'EXPLAIN ANALYZE EXECUTE p']],
  ['two', '', ['PREPARE p AS SELECT deep(70)', 'EXECUTE p; EXECUTE p']],
  [
    'an umlaut in upper case',
    `${trigger} ALTER TABLE item RENAME TO "Ärger"`,
    ['INSERT INTO "Ärger" VALUES (70)'],
  ],
  [
    'a quote in a name',
    `${trigger} ALTER TABLE item RENAME TO "a""b"`,
    ['INSERT INTO "a""b" VALUES (70)'],
  ],
  [
    'a table that was renamed',
    trigger,
    [
      'INSERT INTO item VALUES (1)',
      'ALTER TABLE item RENAME TO thing',
      'INSERT INTO thing VALUES (70)',
    ],
  ],
]

describe('what is left in the session by a name written otherwise is there again after a loss', () => {
  it.each(names)('by %s', async (_what, sql, statements) => {
    const name = `c_${randomBytes(6).toString('hex')}`
    await server.sql(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`)
    const url = await databaseWith(sql, server.url.replace(/[^/]*$/, name))
    await withThrowaway(url, async (client) => {
      for (const statement of statements) await client.query(statement)
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
  })
})

describe('the reading of the catalog', () => {
  it('calls no operator of the database itself, wherever it comes in the search_path', async () => {
    const url = await databaseWith(`CREATE TABLE called (n int);
      CREATE FUNCTION at_least(oid, int) RETURNS boolean LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO called VALUES (1); RETURN $1::int8 >= $2; END$$;
      CREATE OPERATOR >= (LEFTARG = oid, RIGHTARG = int, FUNCTION = at_least);`)
    await withThrowaway(url, async (client) => {
      await client.query('SELECT deep(70)')
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
      expect((await client.query('SELECT FROM called')).rowCount).toBe(0)
    })
  })
  it('waits for no lock of what a body in SQL reads', async () => {
    const url = await databaseWith(
      'CREATE FUNCTION read() RETURNS int BEGIN ATOMIC SELECT id FROM item; END',
    )
    const other = new pg.Client({ connectionString: url })
    await other.connect()
    await other.query('BEGIN; LOCK TABLE item')
    await withThrowaway(url, async (client) => {
      await client.query('SELECT deep(70)')
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
    await other.end()
  })
  it('is not kept from it by a statement_timeout, and asks again what that kept it from asking', async () => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('SELECT deep(1)')
      await client.query('SET statement_timeout = 1')
      await client.query('SELECT deep(1)').catch(() => undefined)
      await client.query('SET statement_timeout = 0')
      await client.query('SELECT deep(70)')
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
    })
  })
  it('holds the sources of a large database, before and after a loss', async () => {
    const url = await databaseWith(`DO $d$BEGIN FOR i IN 1..120 LOOP EXECUTE format(
      $f$CREATE FUNCTION big%s() RETURNS text LANGUAGE sql AS $$SELECT set_config('app.big', '%s', false)$$$f$,
      i, repeat('x', 20000) || i); END LOOP; END$d$`)
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await rested(client)
      await elsewhere(url, trigger)
      await client.query('INSERT INTO item VALUES (70)')
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
  })
  it('is not misled by the handlers and parsers of an extension in C', async () => {
    const url = await databaseWith('CREATE EXTENSION dict_xsyn')
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await killRested(client)
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
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
    })
  })
  it('is told of although another setting is named, which is only read', async () => {
    const url = await databaseWith(hiding)
    await withThrowaway(url, async (client) => {
      await client.query("SET app.who = 'x'")
      await client.query("SELECT put('tenant', current_setting('app.who'))")
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
  })
  it('is there again where a text that was executed named it', async () => {
    const url = await databaseWith(`CREATE FUNCTION run(sql text) RETURNS void LANGUAGE plpgsql AS
      $$BEGIN EXECUTE format('%s', sql); END$$`)
    await withThrowaway(url, async (client) => {
      await client.query('SELECT run($1)', ["SELECT set_config('app.who', '42', false)"])
      await killRested(client)
      expect((await client.query(who)).rows).toEqual([{ who: '42' }])
    })
  })
  it('is not asked after for ever, whatever statements were given', async () => {
    const url = await databaseWith(hiding)
    await using link = await Proxy.start(server)
    await withThrowaway(link.url(url), async (client) => {
      const sent: string[] = []
      for (let i = 0; i < 3; i++) await client.query('SELECT sometimes(1, $1)', [`photo${i}.png`])
      await rested(client)
      link.onFrame((frame) => {
        if (frame.from === 'client') sent.push(frame.body.toString('latin1'))
        return 'pass'
      })
      await client.query('SELECT sometimes(1, $1)', ['last.png'])
      await rested(client)
      expect(sent.join()).toContain('"last.png"')
      expect(sent.join()).not.toContain('photo')
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
  it('is told of where an EXECUTE that nobody can read has made it', async () => {
    const url = await databaseWith(hiding)
    await withThrowaway(url, async (client) => {
      await client.query(`PREPARE "P q" AS SELECT put('tenant', '42')`)
      await client.query('EXECUTE "P q"')
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
  })
  it.each([
    ['by its name', "SELECT pg_replication_origin_session_setup('o')"],
    ['in a function', 'SELECT begin_origin()'],
  ])('is told of where it is the origin of what is replicated, set up %s', async (_how, text) => {
    const url = await databaseWith(`CREATE FUNCTION begin_origin() RETURNS void LANGUAGE plpgsql AS
      $$BEGIN PERFORM pg_replication_origin_session_setup('o'); END$$;`)
    await server.sql("SELECT pg_replication_origin_create('o')")
    await withThrowaway(url, async (client) => {
      await client.query(text)
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
    await server.sql("SELECT pg_replication_origin_drop('o')")
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
      await elsewhere(url, trigger)
      await client.query('INSERT INTO item VALUES (70)')
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
  })
  it.each([
    ['whose definition came before it', true],
    ['whose definition came in between', false],
  ])('by somebody else is found behind a transaction, %s', async (_when, before) => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('CREATE TABLE asked_after (a int)')
      await rested(client)
      if (before) await elsewhere(url, trigger)
      await client.query('BEGIN')
      await client.query('SELECT 1')
      if (!before) await elsewhere(url, trigger)
      await client.query('INSERT INTO item VALUES (70)')
      await client.query('COMMIT')
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
  })
  it('is nothing to a session that ran nothing since', async () => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await killRested(client)
      await client.query('SET work_mem = 9999')
      await server.sql('SELECT 1')
      await elsewhere(url, trigger)
      await killRested(client)
      expect((await client.query('SHOW work_mem')).rows).toEqual([{ work_mem: '9999kB' }])
    })
  })
})

describe('what has no name, in a function that was made later', () => {
  const hiding = `CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM set_config('app.' || NEW.who, 'x', false); RETURN NEW; END$$`
  const fire = 'CREATE TRIGGER audit BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION audit()'
  const insert = "INSERT INTO item (who) VALUES ('tenant')"

  it.each([
    ['in the same transaction', ['BEGIN', hiding, fire, insert, 'COMMIT']],
    ['in the same text', [`${hiding}; ${fire}; ${insert}`]],
    ['at once', [hiding, fire, insert]],
    [
      'by an event trigger',
      [
        'BEGIN',
        `CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS
          $$BEGIN PERFORM set_config('app.' || lower(split_part(tg_tag, ' ', 1)), 'x', false); END$$`,
        'CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted()',
        'CREATE TABLE later (a int)',
        'COMMIT',
      ],
    ],
  ])('is told of when it is lost: %s', async (_when, texts) => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await rested(client)
      for (const text of texts) await client.query(text)
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
  })
  it('is nothing to whoever has only made it, since he was asked', async () => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('CREATE TABLE before (a int)')
      await rested(client)
      for (const text of ['BEGIN', hiding, fire, 'COMMIT']) await client.query(text)
      await killRested(client)
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
  })
  it('is told of where another session of this process has seen it first', async () => {
    const url = await databaseWith('')
    await withThrowaway(url, async (client) => {
      await client.query('INSERT INTO item VALUES (1)')
      await rested(client)
      await elsewhere(url, `${hiding}; ${fire}`)
      await client.query(insert)
      await withThrowaway(url, async (other) => {
        await other.query('CREATE TABLE later (a int)')
        await rested(other)
      })
      await rested(client)
      await killRested(client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
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

describe('a transaction that reaches something', () => {
  it.each([
    ['a function', "SELECT sometimes(70, 'x')"],
    ['a text that nobody sees', 'SELECT run($1)'],
    ['a trigger', 'INSERT INTO item VALUES (70)'],
    ['EXECUTE', 'EXECUTE plan'],
  ])(
    'by %s goes on when it is killed, wherever that is, and what it leaves is there',
    async (_what, text) => {
      const url = await databaseWith(`${trigger}
      CREATE FUNCTION run(sql text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE sql; END$$;`)
      for (const at of [1, 2, 3]) {
        await withThrowaway(url, async (client) => {
          // The catalog is known by now.
          await client.query('INSERT INTO item VALUES (1)')
          await rested(client)
          const steps: (() => Promise<unknown>)[] = [
            () => client.query('BEGIN'),
            () => client.query("PREPARE plan AS SELECT sometimes(70, 'x')"),
            () => client.query(text, text.includes('$1') ? ["SELECT sometimes(70, 'x')"] : []),
            () => client.query('COMMIT'),
          ]
          for (const [i, step] of steps.entries()) {
            if (i === at) await kill(server, client)
            await step()
          }
          await rested(client)
          expect((await client.query(who)).rows).toEqual([{ who: 'x' }])
        })
      }
    },
  )
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

it('what may have made a commit wait otherwise is asked without waiting for the locks of others', async () => {
  const url = await server.createDatabase()
  const holder = new pg.Client({ connectionString: url })
  const asker = new pg.Client({ connectionString: url })
  await holder.connect()
  await asker.connect()
  await holder.query(`CREATE TABLE item (id int);
    CREATE FUNCTION ids() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM item; END`)
  await holder.query('BEGIN; LOCK TABLE item')
  const texts = { rowMode: 'array', types: { getTypeParser: () => String } } as const
  const ask: Inquiry = async (text) => {
    // There is a standby, for which this session does not wait.
    if (text.includes('synchronous_standby_names')) return { rows: [['t', 'f']], code: undefined }
    const answers: unknown = await asker.query({ text, ...texts })
    const { rows } = [answers].flat().at(-1) as pg.QueryArrayResult<string[]>
    return { rows, code: undefined }
  }
  expect(await isReplicated({} as Connection, ask, false)).toBe(true)
  await holder.end()
  await asker.end()
})
