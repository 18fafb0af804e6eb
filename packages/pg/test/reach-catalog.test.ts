import { analyze } from '@reprise/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leaving } from '../src/catalog/leaving.ts'
import { stateText } from '../src/catalog/reach-question.ts'
import { type Reading, readReach, type Sought } from '../src/catalog/read-reach.ts'
import { writing } from '../src/catalog/writing.ts'
import { Asking } from './asking.ts'

let asking: Asking
beforeAll(async () => {
  asking = await Asking.start()
})
afterAll(() => asking?.dispose())

async function readingOf(sought: Sought, sql: string): Promise<Reading> {
  const reading = await asking.with(sql, (ask) => readReach(sought, ask))
  if (reading === 'interrupted') throw new Error('nothing was read')
  return reading
}

/** What a statement reaches of what leaves something, in a database in which that was defined. */
async function left(sql: string, text: string): Promise<string> {
  return (await readingOf(leaving, sql)).reach.of(analyze(text), text)
}

const quiet = 'CREATE FUNCTION quiet() RETURNS int LANGUAGE sql AS $$SELECT 1$$;'
const set = `CREATE FUNCTION leave(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
  $$BEGIN PERFORM set_config('app.who', 'x', false); RETURN 1; END$$;`
const hide = `CREATE FUNCTION hide(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
  $$BEGIN PERFORM set_config('app.' || $1, 'x', false); RETURN 1; END$$;`
const item = 'CREATE TABLE item (id int, n int);'
const fire = `CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM leave(1); RETURN NEW; END$$;`
const trigger = (table: string): string =>
  `${fire} CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION fire();`
const reads = 'SELECT * FROM item'
const writes = 'INSERT INTO item VALUES (1)'
const calls = 'SELECT f(1)'
const f = (body: string, language = 'sql', how = ''): string =>
  `CREATE FUNCTION f(int) RETURNS int ${how} LANGUAGE ${language} AS $$${body}$$;`

describe('what leaves something in a session is reached', () => {
  it.each<[string, string, string, string]>([
    ['by its name', set, 'SELECT leave(1)', 'askable'],
    ['by its name, and has none itself', hide, 'SELECT hide(1)', 'unnamed'],
    ['by a function', set + f('SELECT leave(1)'), calls, 'askable'],
    [
      'by a function, the worst of two',
      set + hide + f('SELECT leave(1) + hide(1)'),
      calls,
      'unnamed',
    ],
    [
      'by a function that names it otherwise',
      `CREATE SCHEMA app; ${set.replace('leave', 'app.leave')} ${f('SELECT App.LEAVE(1)')}`,
      calls,
      'askable',
    ],
    [
      'by an odd name',
      `${set.replace('leave', '"leave it"')} ${f('SELECT "leave it"(1)')}`,
      calls,
      'askable',
    ],
    [
      'by a body in SQL',
      `${set} CREATE FUNCTION f(int) RETURNS int BEGIN ATOMIC SELECT leave(1); END`,
      calls,
      'askable',
    ],
    [
      'by a body in SQL of a built-in one',
      "CREATE FUNCTION f(int) RETURNS text BEGIN ATOMIC SELECT set_config('app.a', 'x', false); END",
      calls,
      'askable',
    ],
    [
      'by an argument’s default',
      `${set} CREATE FUNCTION f(a int, b int DEFAULT leave(1)) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      calls,
      'askable',
    ],
    [
      'by an aggregate',
      `${set} CREATE FUNCTION step(int, int) RETURNS int LANGUAGE sql AS 'SELECT leave($2)'; CREATE AGGREGATE f(int) (SFUNC = step, STYPE = int)`,
      calls,
      'askable',
    ],
    [
      'by a function that reads a view',
      `${set} CREATE VIEW item AS SELECT leave(1); ${f('SELECT 1 FROM item')}`,
      calls,
      'askable',
    ],
    [
      'by a body in SQL that reads a view',
      `${set} CREATE VIEW item AS SELECT leave(1) AS n; CREATE FUNCTION f(int) RETURNS int BEGIN ATOMIC SELECT n FROM item; END`,
      calls,
      'askable',
    ],
    [
      'by a function that writes',
      `${set} ${item} ${trigger('item')} ${f('INSERT INTO item VALUES (1); SELECT 1')}`,
      calls,
      'askable',
    ],
    [
      'by a body in SQL that writes',
      `${set} ${item} ${trigger('item')} CREATE FUNCTION f(int) RETURNS int BEGIN ATOMIC INSERT INTO item VALUES (1) RETURNING 1; END`,
      calls,
      'askable',
    ],
    [
      'by a function that writes to an odd table',
      `${set} CREATE TABLE "an item" (id int); ${trigger('"an item"')} ${f('DELETE FROM "an item"; SELECT 1')}`,
      calls,
      'askable',
    ],
    [
      'by a function that reads an odd view',
      `${set} CREATE VIEW "an item" AS SELECT leave(1); ${f('SELECT 1 FROM "an item"')}`,
      calls,
      'askable',
    ],
    ...['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY', 'TRUNCATE', 'EXECUTE', 'DO'].map(
      (word): [string, string, string, string] => [
        `by a function that may write: ${word}`,
        `${set} ${item} ${trigger('item')} ${f(`BEGIN /* ${word} item */ RETURN 1; END`, 'plpgsql')}`,
        calls,
        'askable',
      ],
    ),
    ['by a view', `${set} CREATE VIEW item AS SELECT leave(1)`, reads, 'askable'],
    ['by a view that hides it', `${hide} CREATE VIEW item AS SELECT hide(1)`, reads, 'unnamed'],
    [
      'by a view of a view',
      `${set} CREATE VIEW deep AS SELECT leave(1); CREATE VIEW item AS SELECT * FROM deep`,
      reads,
      'askable',
    ],
    [
      'by a view that is written to',
      `${set} CREATE TABLE deep (id int); ${trigger('deep')} CREATE VIEW item AS SELECT * FROM deep`,
      writes,
      'askable',
    ],
    [
      'by a rule',
      `${set} ${item} CREATE RULE r AS ON INSERT TO item DO ALSO SELECT leave(1)`,
      writes,
      'askable',
    ],
    [
      'by a rule that reads',
      `${set} CREATE VIEW deep AS SELECT leave(1); ${item} CREATE RULE r AS ON INSERT TO item DO ALSO SELECT * FROM deep`,
      writes,
      'askable',
    ],
    ['by a trigger', `${set} ${item} ${trigger('item')}`, writes, 'askable'],
    [
      'by a trigger’s condition',
      `${set} ${item} CREATE TRIGGER t BEFORE UPDATE ON item FOR EACH ROW WHEN (leave(1) = 1) EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
      'UPDATE item SET id = 1',
      'askable',
    ],
    [
      'by a policy',
      `${set} ${item} CREATE POLICY p ON item USING (leave(1) = 1)`,
      reads,
      'askable',
    ],
    [
      'by what a policy reads',
      `${set} CREATE VIEW deep AS SELECT leave(1) AS n; ${item} CREATE POLICY p ON item USING (id = (SELECT n FROM deep))`,
      reads,
      'askable',
    ],
    ['by a CHECK', `${set} CREATE TABLE item (id int CHECK (leave(id) = 1))`, writes, 'askable'],
    [
      'by a default',
      `${set} CREATE TABLE item (id int, n int DEFAULT leave(1))`,
      writes,
      'askable',
    ],
    ['by an index', `${set} ${item} CREATE INDEX ON item (leave(id))`, writes, 'askable'],
    [
      'by a key of partitions',
      `${set} CREATE TABLE item (id int) PARTITION BY RANGE (leave(id))`,
      writes,
      'askable',
    ],
    [
      'by the key of what it is a part of',
      `${set} CREATE TABLE whole (id int) PARTITION BY RANGE (leave(id)); CREATE TABLE item PARTITION OF whole DEFAULT`,
      writes,
      'askable',
    ],
    [
      'by a part',
      `${set} CREATE TABLE item (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF item DEFAULT; ${trigger('part')}`,
      writes,
      'askable',
    ],
    [
      'by a trigger of what it is a part of',
      `${set} CREATE TABLE whole (id int) PARTITION BY LIST (id); CREATE TABLE item PARTITION OF whole DEFAULT; ${trigger('whole')}`,
      writes,
      'askable',
    ],
    [
      'by a trigger in the place of a write',
      `${set} CREATE VIEW item AS SELECT 1 AS id; ${fire} CREATE TRIGGER t INSTEAD OF INSERT ON item FOR EACH ROW EXECUTE FUNCTION fire()`,
      writes,
      'askable',
    ],
    [
      'by a policy of a child',
      `${set} ${item} CREATE TABLE child () INHERITS (item); CREATE POLICY p ON child USING (leave(1) = 1)`,
      reads,
      'askable',
    ],
    ...[
      'ON DELETE CASCADE',
      'ON DELETE SET NULL',
      'ON DELETE SET DEFAULT',
      'ON UPDATE CASCADE',
      'ON UPDATE SET NULL',
      'ON UPDATE SET DEFAULT',
    ].map((action): [string, string, string, string] => [
      `by a foreign key ${action}`,
      `${set} CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE below (id int DEFAULT 1 REFERENCES item ${action}); ${trigger('below')}`,
      writes,
      'askable',
    ]),
    ...[
      ["set_config('a.b', 'x', false)", 'askable'],
      ["set_config(current_setting('a.b'), 'x', false)", 'unnamed'],
      ['pg_advisory_lock(1)', 'askable'],
      ['pg_advisory_lock_shared(1)', 'askable'],
      ['pg_try_advisory_lock(1)', 'askable'],
      ['pg_try_advisory_lock_shared(1)', 'askable'],
      ['pg_advisory_unlock(1)', 'askable'],
      ['pg_advisory_unlock_shared(1)', 'askable'],
      ['pg_advisory_unlock_all()', 'askable'],
      ["query_to_xml('x', true, true, '')", 'unnamed'],
      ["cursor_to_xml('x', 1, true, true, '')", 'unnamed'],
      ['setseed(1)', 'unnamed'],
      ["ts_stat('x')", 'unnamed'],
      ["ts_rewrite('a', 'x')", 'unnamed'],
      ["pg_replication_origin_session_setup('o')", 'unnamed'],
    ].map(([call = '', expected = '']): [string, string, string, string] => [
      `by a view that calls ${call}`,
      `CREATE VIEW item AS SELECT 1 AS n FROM ${call} AS called`,
      reads,
      expected,
    ]),
    [
      'by a materialized view',
      `${set} CREATE MATERIALIZED VIEW item AS SELECT leave(1)`,
      'REFRESH MATERIALIZED VIEW item',
      'askable',
    ],
    [
      'by an operator',
      `${set} CREATE OPERATOR !! (RIGHTARG = int, FUNCTION = leave)`,
      'SELECT 1',
      'askable',
    ],
    [
      'by an operator that hides it',
      `${hide} CREATE OPERATOR !! (RIGHTARG = int, FUNCTION = hide)`,
      'SELECT 1',
      'unnamed',
    ],
    [
      'by a cast',
      `CREATE TYPE pair AS (a int); ${set} CREATE FUNCTION paired(int) RETURNS pair LANGUAGE sql AS $$SELECT ROW(leave($1))::pair$$; CREATE CAST (int AS pair) WITH FUNCTION paired(int)`,
      'SELECT 1',
      'askable',
    ],
    [
      'by a domain',
      `${set} CREATE DOMAIN d AS int CHECK (leave(value) = 1)`,
      'SELECT 1',
      'askable',
    ],
    [
      'by the default of a domain',
      `${set} CREATE DOMAIN d AS int DEFAULT leave(1)`,
      'SELECT 1',
      'askable',
    ],
    [
      'by the built-in CHECK of a domain',
      `CREATE DOMAIN d AS text CHECK (set_config(value, 'x', false) = 'x')`,
      'SELECT 1',
      'unnamed',
    ],
    [
      'by an event trigger',
      `${set} CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM leave(1); END$$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()`,
      'CREATE TABLE t (a int)',
      'askable',
    ],
    ...[
      'ALTER',
      'COMMENT',
      'CREATE',
      'DO',
      'DROP',
      'EXECUTE',
      'GRANT',
      'IMPORT',
      'REASSIGN',
      'REFRESH',
      'REINDEX',
      'REVOKE',
      'SECURITY',
    ].map((word): [string, string, string, string] => [
      `by an event trigger that a function may fire: ${word}`,
      `${set} CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM leave(1); END$$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e(); ${f(`BEGIN /* ${word} it */ RETURN 1; END`, 'plpgsql')}`,
      calls,
      'askable',
    ]),
    [
      'in another language',
      `CREATE FUNCTION f(int) RETURNS int LANGUAGE internal AS 'int4abs'`,
      calls,
      'unnamed',
    ],
  ])('%s', async (_how, sql, text, expected) => {
    expect(await left(sql, text)).toBe(expected)
  })
  it.each<[string, string, string]>([
    ['by nothing', quiet, 'SELECT quiet()'],
    [
      'where a function names a table and does not write',
      `${set} ${item} ${trigger('item')} ${f('SELECT 1 FROM item')}`,
      calls,
    ],
    [
      'where a body in SQL only reads',
      `${set} ${item} ${trigger('item')} CREATE FUNCTION f(int) RETURNS int BEGIN ATOMIC SELECT id FROM item; END`,
      calls,
    ],
    ['where a table with a trigger is read', `${set} ${item} ${trigger('item')}`, reads],
    [
      'where a table with a rule is read',
      `${set} ${item} CREATE RULE r AS ON INSERT TO item DO ALSO SELECT leave(1)`,
      reads,
    ],
    ['where a view is not the one', `${set} CREATE VIEW other AS SELECT leave(1); ${item}`, reads],
    [
      'where a view is written to that reads',
      `${set} ${item} CREATE VIEW other AS SELECT leave(1)`,
      writes,
    ],
    [
      'where what refers to it does not act',
      `${set} CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE below (id int REFERENCES item); ${trigger('below')}`,
      writes,
    ],
    [
      'where it is refers to another',
      `${set} CREATE TABLE above (id int PRIMARY KEY); CREATE TABLE item (id int REFERENCES above ON DELETE CASCADE); ${trigger('above')}`,
      writes,
    ],
    [
      'where a parent has the trigger',
      `${set} CREATE TABLE whole (id int); CREATE TABLE item () INHERITS (whole); ${trigger('whole')}`,
      writes,
    ],
    [
      'where it is immutable, in another language',
      `CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE internal AS 'int4abs'`,
      calls,
    ],
    [
      'by an extension that is known',
      'CREATE EXTENSION citext; CREATE EXTENSION pgcrypto',
      "SELECT gen_salt('bf')",
    ],
    [
      'by the parser and the handler of one in C',
      'CREATE EXTENSION dict_xsyn; CREATE EXTENSION file_fdw',
      'SELECT 1',
    ],
    [
      'where an aggregate has nothing of it',
      'CREATE AGGREGATE f(int) (SFUNC = int4pl, STYPE = int)',
      calls,
    ],
    [
      'where an operator, a cast and a domain have not',
      `${quiet} CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = plus); CREATE DOMAIN d AS int DEFAULT 1 CHECK (value > 0)`,
      'SELECT 1',
    ],
    [
      'where a table is all that has a CHECK',
      `${set} CREATE TABLE item (id int CHECK (leave(id) = 1))`,
      'SELECT 1',
    ],
    [
      'where an event trigger does nothing',
      `${set} CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()`,
      'CREATE TABLE t (a int)',
    ],
    [
      'where an event trigger is not fired',
      `${set} CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM leave(1); END$$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e(); ${f('BEGIN INSERT INTO item VALUES (1) ON CONFLICT DO NOTHING; INSERT INTO item VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1; RETURN 1; END', 'plpgsql')}`,
      calls,
    ],
  ])('and not %s', async (_how, sql, text) => {
    expect(await left(sql, text)).toBe('nothing')
  })
})

describe('what may leave something has in it', () => {
  it.each([
    ...[
      "set_config('a.b', 'x', false)",
      'pg_advisory_lock(1)',
      'SET a.b = 1',
      'RESET a.b',
      'DISCARD ALL',
    ],
    ...['LISTEN a', 'UNLISTEN a', "LOAD 'a'", 'PREPARE p AS SELECT 1', 'DEALLOCATE p', 'EXECUTE x'],
    ...[
      'CREATE TEMP TABLE t (a int)',
      'CREATE TEMPORARY TABLE t (a int)',
      'CREATE TABLE pg_temp.t (a int)',
    ],
    ...[
      'PERFORM setseed(1)',
      'PERFORM set_limit(1)',
      "PERFORM ts_stat('x')",
      "PERFORM ts_rewrite(a, 'x')",
    ],
    ...[
      "PERFORM pg_replication_origin_session_setup('o')",
      "PERFORM dblink('x')",
      "PERFORM query_to_xml('x')",
    ],
    ...["UPDATE pg_settings SET setting = '1'", 'PERFORM spi_x()', 'DO $x$ SET a.b = 1 $x$'],
  ])('%s', async (body) => {
    const sql = f(`BEGIN ${body}; RETURN 1; END`, 'plpgsql')
    expect(await left(`SET LOCAL check_function_bodies = off; ${sql}`, calls)).not.toBe('nothing')
  })
  it.each([
    'UPDATE item SET a = 1',
    'UPDATE ONLY item AS i SET a = 1',
    'INSERT INTO item VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1',
    'x := offset_of(y)',
  ])('and not %s', async (body) => {
    const sql = f(`BEGIN ${body}; RETURN 1; END`, 'plpgsql')
    expect(await left(`SET LOCAL check_function_bodies = off; ${sql}`, calls)).toBe('nothing')
  })
})

describe('what may write has in it', () => {
  const may = async (sql: string): Promise<string> =>
    (await readingOf(writing, `SET LOCAL check_function_bodies = off; ${sql}`)).reach.of(
      analyze(calls),
      calls,
    )
  it.each([
    ...[
      'insert',
      'update',
      'delete',
      'merge',
      'truncate',
      'copy',
      'create',
      'alter',
      'drop',
      'grant',
    ],
    ...[
      'revoke',
      'comment',
      'security',
      'reindex',
      'cluster',
      'refresh',
      'reassign',
      'import',
      'notify',
    ],
    ...[
      'call',
      'do',
      'execute',
      'ts_stat',
      'ts_rewrite',
      'lo_x',
      'dblink',
      'query_to_xml',
      'spi_x',
      'nextval',
      'UPDATE',
    ],
  ])('%s', async (word) => {
    expect(await may(f(`BEGIN /* ${word} */ RETURN 1; END`, 'plpgsql'))).toBe(
      word === 'nextval' ? 'nothing' : 'askable',
    )
  })
  it('INTO in SQL, which is a variable in PL/pgSQL', async () => {
    expect(await may(f('SELECT 1 INTO t'))).toBe('askable')
    expect(await may(f('BEGIN SELECT 1 INTO x; RETURN 1; END', 'plpgsql'))).toBe('nothing')
  })
  it.each([
    'lo_create(1)',
    "pg_notify('a', 'b')",
    "query_to_xml('x', true, true, '')",
    "cursor_to_xml('x', 1, true, true, '')",
  ])('a body in SQL that calls %s', async (call) => {
    expect(
      await may(`CREATE FUNCTION f(int) RETURNS text BEGIN ATOMIC SELECT ${call}::text; END`),
    ).toBe('askable')
  })
  it('a view of another server', async () => {
    const sql = `CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE item (a text) SERVER s OPTIONS (filename '/dev/null')`
    const { reach } = await readingOf(writing, sql)
    expect(reach.of(analyze(reads), reads)).toBe('askable')
    expect(await left(sql, reads)).toBe('nothing')
  })
})

describe('the state of a catalog', () => {
  const state = (before: string, sql: string): Promise<[unknown, unknown]> =>
    asking.with(before, async (ask) => {
      const [first] = (await ask(stateText)).rows[0] ?? []
      await ask(`SET LOCAL search_path = public; ${sql}`)
      return [first, (await ask(stateText)).rows[0]?.[0]]
    })
  const before = `CREATE TABLE item (id int PRIMARY KEY, a int); CREATE TABLE other (id int); CREATE TEMP TABLE passing (id int); ${quiet} ${fire.replace('leave(1)', '1')}`
  it.each([
    ['a function', 'CREATE FUNCTION more() RETURNS int LANGUAGE sql AS $$SELECT 2$$'],
    ['a view', 'CREATE VIEW v AS SELECT 1'],
    ['a rule', 'CREATE RULE r AS ON INSERT TO item DO ALSO NOTHING'],
    ['a trigger', 'CREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION fire()'],
    [
      'an event trigger',
      'CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()',
    ],
    ['a policy', 'CREATE POLICY p ON item'],
    ['a default', 'ALTER TABLE item ALTER a SET DEFAULT 1'],
    ['a CHECK', 'ALTER TABLE item ADD CHECK (a > 0)'],
    ['a foreign key', 'ALTER TABLE other ADD FOREIGN KEY (id) REFERENCES item'],
    ['a child', 'ALTER TABLE other ADD a int; ALTER TABLE item INHERIT other'],
    [
      'an operator',
      'CREATE FUNCTION plus(int) RETURNS int LANGUAGE sql AS $$SELECT 1$$; CREATE OPERATOR !! (RIGHTARG = int, FUNCTION = plus)',
    ],
    ['an index of an expression', 'CREATE INDEX ON item (abs(a))'],
    ['the condition of an index', 'CREATE INDEX ON item (a) WHERE a > 0'],
    ['an exclusion', 'ALTER TABLE item ADD EXCLUDE (a WITH =)'],
    ['the default of a domain', 'CREATE DOMAIN d AS int DEFAULT 1'],
    ['the CHECK of a domain', 'CREATE DOMAIN d AS int CHECK (value > 0)'],
    [
      'an operator class',
      'CREATE OPERATOR CLASS o FOR TYPE int USING btree AS OPERATOR 3 =, FUNCTION 1 btint4cmp(int, int)',
    ],
    ['a cast', 'CREATE TYPE pair AS (a int); CREATE CAST (pair AS text) WITH INOUT'],
    ['a name', 'ALTER TABLE other RENAME TO another'],
    ['a table', 'CREATE TABLE more (a int)'],
    [
      'the default of a temporary table that calls something',
      'ALTER TABLE passing ALTER id SET DEFAULT quiet()',
    ],
    [
      'the CHECK of a temporary table that calls something',
      'ALTER TABLE passing ADD CHECK (quiet() = 1)',
    ],
  ])('changes with %s', async (_what, sql) => {
    const [first, second] = await state(before, sql)
    expect(second).not.toBe(first)
  })
  it.each([
    ['a row', 'INSERT INTO item VALUES (1)'],
    ['a temporary table', 'CREATE TEMP TABLE more (a int DEFAULT 1 CHECK (a > 0))'],
    ['a sequence', 'CREATE SEQUENCE s'],
    ['an index', 'CREATE INDEX ON item (a)'],
    ['a foreign key’s triggers alone', 'ANALYZE item'],
  ])('does not change with %s', async (_what, sql) => {
    const [first, second] = await state(before, sql)
    expect(second).toBe(first)
  })
})
