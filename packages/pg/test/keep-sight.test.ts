import pg from 'pg'
import Cursor from 'pg-cursor'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { schemaWays } from './keep-sight-schema.ts'
import { failure, kill, withClient } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

let server: Server
let url: string
let admin: pg.Client

beforeAll(async () => {
  server = await Server.start()
  url = await server.createDatabase()
  admin = new pg.Client({ connectionString: url })
  await admin.connect()
})
afterAll(async () => {
  await admin?.end()
  await server?.dispose()
})

/** A way in which a statement sees the time of its transaction, and leaves it in the table `seen`. */
interface Way {
  readonly name: string
  readonly schema?: string
  readonly text: string
  readonly values?: unknown[]
}

const trigger = (table: string, body: string, more = ''): string =>
  `CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ${body} END$$; ${more}
CREATE TRIGGER fire BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION fire();`
const item = 'CREATE TABLE item (id int, at timestamptz);'
const child = 'CREATE TABLE child () INHERITS (seen);'
const keep = 'INSERT INTO seen VALUES (now()); RETURN NEW;'
const clock = (name: string, body = 'SELECT now()'): string =>
  `CREATE FUNCTION ${name} RETURNS timestamptz LANGUAGE sql AS '${body}';`

const ways: readonly Way[] = [
  { name: 'a trigger', schema: item + trigger('item', keep), text: 'INSERT INTO item VALUES (1)' },
  {
    name: 'a trigger that stamps',
    schema: child + trigger('child', 'NEW.at := CURRENT_TIMESTAMP; RETURN NEW;'),
    text: 'INSERT INTO child DEFAULT VALUES',
  },
  {
    name: 'a trigger that writes to a table with a default',
    schema: `${item} CREATE TABLE timed (id int) INHERITS (seen); ALTER TABLE timed ALTER at SET DEFAULT now();
${trigger('item', 'INSERT INTO timed (id) VALUES (1); RETURN NEW;')}`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a trigger that calls a function',
    schema: child + clock('t()') + trigger('child', 'NEW.at := t(); RETURN NEW;'),
    text: 'INSERT INTO child DEFAULT VALUES',
  },
  {
    name: 'a trigger that calls a quoted function',
    schema: child + clock('"T-1"()') + trigger('child', 'NEW.at := "T-1"(); RETURN NEW;'),
    text: 'INSERT INTO child DEFAULT VALUES',
  },
  {
    name: 'a trigger that puts a text together',
    schema: child + trigger('child', "EXECUTE 'SELECT n' || 'ow()' INTO NEW.at; RETURN NEW;"),
    text: 'INSERT INTO child DEFAULT VALUES',
  },
  {
    name: 'a trigger’s WHEN',
    schema: `${item} CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := 2; RETURN NEW; END$$;
CREATE TRIGGER fire BEFORE INSERT ON item FOR EACH ROW WHEN (NEW.at <> now()) EXECUTE FUNCTION fire();`,
    text: 'WITH i AS (INSERT INTO item SELECT 1, (SELECT max(at) FROM seen) RETURNING id) INSERT INTO seen SELECT now() FROM i WHERE id = 1',
  },
  {
    name: 'a trigger of a partition',
    schema: `CREATE TABLE item (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF item FOR VALUES IN (1); ${trigger('part', keep)}`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a trigger of a table that is deleted from by a foreign key',
    schema: `CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);
${trigger('child', 'INSERT INTO seen VALUES (now()); RETURN OLD;')}`,
    text: 'DELETE FROM parent',
  },
  {
    name: 'a rule',
    schema: `${item} CREATE RULE r AS ON INSERT TO item DO ALSO INSERT INTO seen VALUES (now());`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a view',
    schema: 'CREATE VIEW v AS SELECT now() AS at;',
    text: 'INSERT INTO seen SELECT at FROM v',
  },
  {
    name: 'a view of a view',
    schema: 'CREATE VIEW v AS SELECT now() AS at; CREATE VIEW w AS SELECT at AS x FROM v;',
    text: 'INSERT INTO seen SELECT x FROM w',
  },
  {
    name: 'a view that calls a function',
    schema: `${clock('t()')} CREATE VIEW v AS SELECT t() AS at;`,
    text: 'INSERT INTO seen SELECT at FROM v',
  },
  {
    name: 'a view that is written to',
    schema:
      'CREATE TABLE timed (id int) INHERITS (seen); ALTER TABLE timed ALTER at SET DEFAULT now(); CREATE VIEW v AS SELECT id FROM timed;',
    text: 'INSERT INTO v VALUES (1)',
  },
  {
    name: 'a policy',
    schema: `CREATE TABLE item (at timestamptz); ALTER TABLE item ENABLE ROW LEVEL SECURITY; GRANT ALL ON item, seen TO somebody;
CREATE POLICY p ON item USING (at = now());`,
    text: 'INSERT INTO item SELECT max(at) FROM seen',
  },
  { name: 'a function', schema: clock('t()'), text: 'INSERT INTO seen VALUES (t())' },
  {
    name: 'a function that is called as a column',
    schema:
      'CREATE TABLE one (id int); INSERT INTO one VALUES (1); CREATE FUNCTION t(one) RETURNS timestamptz LANGUAGE sql AS $$SELECT now()$$;',
    text: 'INSERT INTO seen SELECT (o).t FROM one o',
  },
  {
    name: 'a function in a function',
    schema: clock('inner_t()') + clock('t()', 'SELECT inner_t()'),
    text: 'INSERT INTO seen VALUES (t())',
  },
  {
    name: 'a default argument',
    schema:
      'CREATE FUNCTION t(at timestamptz DEFAULT now()) RETURNS timestamptz LANGUAGE sql AS $$SELECT $1$$;',
    text: 'INSERT INTO seen VALUES (t())',
  },
  {
    name: 'a function that gives itself out for immutable',
    schema:
      "CREATE FUNCTION t(int) RETURNS timestamptz IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN 'now'::text::timestamptz; END$$;",
    text: 'INSERT INTO seen SELECT t(n) FROM generate_series(1, 1) n',
  },
  {
    name: 'an aggregate',
    schema:
      'CREATE FUNCTION step(timestamptz, int) RETURNS timestamptz LANGUAGE sql AS $$SELECT now()$$; CREATE AGGREGATE latest(int) (SFUNC = step, STYPE = timestamptz);',
    text: 'INSERT INTO seen SELECT latest(n) FROM generate_series(1, 2) n',
  },
  {
    name: 'a cast',
    schema: `CREATE TYPE moment AS (n int); CREATE FUNCTION t(moment) RETURNS timestamptz LANGUAGE sql AS $$SELECT now()$$; CREATE CAST (moment AS timestamptz) WITH FUNCTION t(moment) AS ASSIGNMENT;`,
    text: 'INSERT INTO seen SELECT ROW(1)::moment',
  },
  {
    name: 'an operator',
    schema:
      'CREATE FUNCTION t(int, int) RETURNS timestamptz LANGUAGE sql AS $$SELECT now()$$; CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = t);',
    text: 'INSERT INTO seen SELECT 1 @@@ 1',
  },
  {
    name: 'a domain',
    schema: 'CREATE DOMAIN past AS timestamptz CHECK (value = now()); CREATE TABLE item (at past);',
    text: 'INSERT INTO item SELECT at FROM seen',
  },
  {
    name: 'a default',
    schema: `${clock('t()')} ALTER TABLE seen ALTER at SET DEFAULT t();`,
    text: 'INSERT INTO seen DEFAULT VALUES',
  },
  {
    name: 'a default in a WITH',
    schema: 'ALTER TABLE seen ALTER at SET DEFAULT now();',
    text: 'WITH i AS (INSERT INTO seen DEFAULT VALUES RETURNING 1) SELECT count(*) FROM i',
  },
  {
    name: 'a default of rows that are selected',
    schema:
      'CREATE TABLE wide (id int, at timestamptz DEFAULT now()); CREATE TABLE ids (id int); INSERT INTO ids VALUES (1);',
    text: 'WITH i AS (INSERT INTO wide SELECT * FROM ids RETURNING at) INSERT INTO seen SELECT at FROM i',
  },
  {
    name: 'a default that is assigned',
    schema: `CREATE TABLE child (n int DEFAULT 1) INHERITS (seen); ALTER TABLE child ALTER at SET DEFAULT now(); INSERT INTO child VALUES ('2000-01-01Z');`,
    text: 'UPDATE child SET (n, at) = ROW (DEFAULT, DEFAULT)',
  },
  {
    name: 'a default among values',
    schema:
      'CREATE TABLE child (n int DEFAULT 1) INHERITS (seen); ALTER TABLE child ALTER at SET DEFAULT now();',
    text: 'INSERT INTO child (n, at) VALUES (DEFAULT, DEFAULT), (2, DEFAULT) ON CONFLICT DO NOTHING',
  },
  {
    name: 'a default in a MERGE',
    schema: 'ALTER TABLE seen ALTER at SET DEFAULT now();',
    text: 'MERGE INTO seen s USING (SELECT 1) q ON false WHEN NOT MATCHED THEN INSERT DEFAULT VALUES',
  },
  { name: 'a word', text: "INSERT INTO seen VALUES ('now')" },
  { name: 'a word as a value', text: 'INSERT INTO seen VALUES ($1)', values: ['now'] },
  {
    name: 'a word among values',
    text: 'INSERT INTO seen SELECT unnest($1::timestamptz[])',
    values: [['now', ...Array(9).fill('2000-01-01 00:00:00Z')]],
  },
  {
    name: 'a word in JSON',
    text: 'INSERT INTO seen SELECT at FROM jsonb_to_record($1) r(at timestamptz)',
    values: [{ at: 'now' }],
  },
  { name: 'a function in FROM', text: 'INSERT INTO seen SELECT at FROM now() AS at' },
  {
    name: 'a label that would be lost',
    text: 'INSERT INTO seen SELECT q.case FROM (SELECT CASE WHEN true THEN now() END) q',
  },
  {
    name: 'what the server records',
    text: 'INSERT INTO seen SELECT xact_start FROM pg_stat_activity WHERE pid = pg_backend_pid()',
  },
  {
    name: 'a function of what the server records',
    text: 'INSERT INTO seen SELECT xact_start FROM pg_stat_get_activity(pg_backend_pid())',
  },
  {
    name: 'several statements in one',
    text: 'INSERT INTO seen SELECT now(); SELECT 1',
  },
  { name: 'DO', text: 'DO $$BEGIN INSERT INTO seen VALUES (now()); END$$' },
  {
    name: 'a definition',
    text: 'CREATE TABLE later AS SELECT now() AS at',
  },
  {
    name: 'EXPLAIN ANALYZE',
    text: 'EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF) INSERT INTO seen VALUES (now())',
  },
]

/** A time that the application saw, so that it has to be kept. */
const shows = 'INSERT INTO seen VALUES (now()) RETURNING at'

async function prepared({ schema = '' }: Way): Promise<void> {
  await admin.query(
    `DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE seen (at timestamptz); ${schema.includes('somebody') ? 'DROP ROLE IF EXISTS somebody; CREATE ROLE somebody; GRANT ALL ON SCHEMA public TO somebody; ' : ''}${schema}`,
  )
}

/** How many rows each way leaves behind. */
const left = new Map<Way, number>()

/** Expects that a transaction ends with one time, or as if it had not been. */
async function endsWithOneTime(way: Way, kills: readonly number[]): Promise<'kept' | 'diverged'> {
  await prepared(way)
  return withClient(url, async (client) => {
    if (way.schema?.includes('somebody')) await client.query('SET ROLE somebody')
    const steps: Pick<Way, 'text' | 'values'>[] = [
      { text: shows },
      way,
      { text: 'INSERT INTO seen SELECT now()' },
    ]
    let code: string | undefined
    try {
      await client.query('BEGIN')
      for (const [i, { text, values }] of steps.entries()) {
        if (kills.includes(i)) await kill(server, client)
        await client.query(text, values)
      }
      if (kills.includes(steps.length)) await kill(server, client)
      await client.query('COMMIT')
    } catch (error) {
      code = (error as { code?: string }).code
      await client.query('ROLLBACK')
    }
    await client.query('RESET ROLE')
    const { rows } = await admin.query(
      "SELECT count(DISTINCT at)::int AS times, count(*)::int AS rows FROM seen WHERE at > '2001-01-01'",
    )
    if (kills.length === 0) left.set(way, rows[0].rows)
    if (code !== undefined) expect([code, rows[0].times]).toEqual(['40001', 0])
    else expect(rows).toEqual([{ times: 1, rows: left.get(way) ?? rows[0].rows }])
    return code === undefined ? 'kept' : 'diverged'
  })
}

describe('one transaction has one time', () => {
  it.each(ways)('whether $name sees it before the loss, after it or never', async (way) => {
    // Without a loss there is one anyhow, or this would prove nothing.
    await endsWithOneTime(way, [])
    for (const kills of [[1], [2], [3], [1, 2], [1, 3]]) await endsWithOneTime(way, kills)
  })
})

it('one that kept its time is not replayed again where the time cannot be kept any more', async () => {
  await prepared({ name: '', text: '', schema: item })
  await withClient(url, async (client) => {
    await client.query('BEGIN')
    await client.query('INSERT INTO seen VALUES (now())')
    await client.query('DELETE FROM item')
    await kill(server, client)
    await client.query('INSERT INTO seen SELECT now()')
    await kill(server, client)
    await admin.query(trigger('item', keep))
    expect(await failure(client.query('COMMIT'))).toMatchObject({ code: '40001' })
  })
})

/** What ordinary schemas are made of, where nothing sees the time. */
const plain: readonly Way[] = [
  { name: 'a table', text: 'INSERT INTO seen SELECT now()' },
  {
    name: 'a default',
    schema: 'ALTER TABLE seen ALTER at SET DEFAULT now();',
    text: 'INSERT INTO seen DEFAULT VALUES RETURNING *',
  },
  {
    name: 'DEFAULT for a column that has another one, or none',
    schema:
      'CREATE TABLE child (n int DEFAULT 1, id serial) INHERITS (seen); ALTER TABLE child ALTER at SET DEFAULT now();',
    text: 'INSERT INTO child (n, at, id) VALUES (DEFAULT, DEFAULT, DEFAULT), (2, now(), DEFAULT) RETURNING *',
  },
  {
    name: 'a trigger that sees nothing',
    schema:
      item +
      trigger(
        'item',
        'IF NEW.id IS DISTINCT FROM 1 THEN NEW.id := abs(NEW.id); END IF; RETURN NEW;',
      ),
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a function that sees nothing',
    schema: 'CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS $$SELECT $1 * 2$$;',
    text: 'SELECT twice(2)',
  },
  {
    name: 'somebody else’s trigger',
    schema: `${item}${trigger('item', keep)} CREATE TABLE other (id int, name text);`,
    text: "INSERT INTO other VALUES (1, 'now or never, said the one to the other one day')",
  },
  {
    name: 'a view',
    schema: 'CREATE TABLE other (id int); CREATE VIEW v AS SELECT * FROM other;',
    text: 'SELECT * FROM v',
  },
  {
    name: 'constraints, keys and indexes',
    schema: `CREATE TABLE parent (id serial PRIMARY KEY, mail text CHECK (mail ~ '@') UNIQUE);
CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY, parent int REFERENCES parent ON DELETE CASCADE, CHECK (id > 0));
CREATE INDEX ON parent (lower(mail)); CREATE TYPE mood AS ENUM ('glad');`,
    text: "WITH p AS (INSERT INTO parent (mail) VALUES ('a@b') RETURNING id) INSERT INTO child (parent) SELECT id FROM p",
  },
  { name: 'NOTIFY and LOCK', text: 'LOCK TABLE seen IN SHARE MODE' },
  { name: 'a savepoint', text: 'SAVEPOINT s' },
  { name: 'a value that is long', text: 'SELECT $1::text', values: [`${'word '.repeat(30)} now`] },
]

describe('no time is kept beside what a table or a type is made of', () => {
  it.each(schemaWays)('$name', async (way) => {
    await endsWithOneTime(way, [])
    for (const kills of [[1], [2], [3], [1, 2], [1, 3]]) {
      expect(await endsWithOneTime(way, kills)).toBe('diverged')
    }
  })
})

describe('time is kept', () => {
  it.each(plain)('beside $name', async (way) => {
    for (const kills of [[1], [2], [3], [1, 2], [1, 3]]) {
      expect(await endsWithOneTime(way, kills)).toBe('kept')
    }
  })
})

describe('a cursor behind a replay that kept its time', () => {
  it.each([
    ['SELECT now()', [], false],
    ['SELECT $1::timestamptz', ['now'], false],
    ['SELECT at FROM seen', [], true],
  ])('%s', async (text, values, goesOn) => {
    await prepared({ name: '', text: '' })
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query(shows)
      await kill(server, client)
      await client.query('SELECT 1')
      const cursor = client.query(new Cursor(text, values))
      const rows = cursor.read(9)
      if (goesOn) expect(await rows).toHaveLength(1)
      else expect(await failure(rows)).toMatchObject({ code: '40001', outcome: 'rolled-back' })
      await cursor.close().catch(() => undefined)
      await client.query('ROLLBACK')
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
    expect((await admin.query('SELECT FROM seen')).rowCount).toBe(0)
  })
})
