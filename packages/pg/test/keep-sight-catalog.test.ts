import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Sight } from '../src/keep/keep-sight.ts'
import { Asking } from './asking.ts'
import { parser } from './keep-scripted.ts'

let asking: Asking
beforeAll(async () => {
  asking = await Asking.start()
})
afterAll(() => asking?.dispose())

const body = (name: string, text: string, more = ''): string =>
  `CREATE FUNCTION ${name}() RETURNS int ${more} LANGUAGE plpgsql AS $$BEGIN /* ${text} */ RETURN 1; END$$;`
const called = (name: string): string => `SELECT ${name}()`
const read = (name: string): string => `SELECT 1 FROM ${name}`

/** Whether a statement may see the time, in a database in which that was defined. */
async function sees(sql: string, text: string): Promise<boolean | 'anything'> {
  const sight = await asking.with(sql, (ask) => Sight.read(ask))
  const tree = parser.read(text)
  if (tree === undefined) throw new Error(`no statement: ${text}`)
  return sight === undefined ? 'anything' : sight.sees(tree)
}

describe('a function may see the time whose text has in it', () => {
  it.each([
    ...['call', 'copy', 'delete', 'do', 'execute', 'fetch', 'from', 'import', 'insert', 'join'],
    ...['lock', 'merge', 'open', 'refresh', 'table', 'truncate', 'update', 'values', 'UPDATE'],
    ...['now', 'transaction_timestamp', 'current_date', 'current_time', 'current_timestamp'],
    ...['localtime', 'localtimestamp', 'today', 'tomorrow', 'yesterday', 'timetz', 'age (x)'],
    ...['pg_stat_activity', 'pg_timezone_names', 'pg_prepared_xacts', 'jsonb_path_query_tz'],
    ...[
      'time with time zone',
      'time(3) with time zone',
      'CURRENT_DATE',
      'seeing',
      'blind',
      '"Odd one"',
    ],
  ])('%s', async (word) => {
    const others = body('seeing', 'now') + body('blind', '') + body('"Odd one"', '')
    expect(await sees(others + body('f', word), called('f'))).toBe(true)
  })
  it.each([
    ...['nowhere', 'page (x)', 'a is distinct from b', 'calls', 'know', 'pg_typeof(x)'],
    ...['timestamp with time zone', 'f'],
  ])('and not %s', async (word) => {
    const others = body('seeing', 'now') + body('blind', '')
    expect(await sees(others + body('f', word), called('f'))).toBe(false)
  })
})

const see = body('see', 'now', 'IMMUTABLE')
const odd = (name: string): string =>
  `CREATE FUNCTION ${name}(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN /* now */ RETURN 1; END$$;`
const fire = `CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN /* now */ RETURN NEW; END$$;`
const blind = `CREATE FUNCTION blind() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;`
const trigger = (table: string, how = 'fire()', when = ''): string =>
  `CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW ${when} EXECUTE FUNCTION ${how};`
const below = (action: string): string =>
  `CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE below (id int DEFAULT 1 REFERENCES item ${action}); ${fire}${trigger('below')}`
const item = 'CREATE TABLE item (id int, at timestamptz);'
const enable = 'ALTER TABLE item ENABLE ROW LEVEL SECURITY;'

describe('a statement about a table may see the time by', () => {
  it.each<[string, string, string?]>([
    ['a trigger', `${item} ${fire} ${trigger('item')}`],
    [
      'the condition of a trigger',
      `${item} ${blind} ${trigger('item', 'blind()', 'WHEN (current_date IS NULL)')}`,
    ],
    [
      'a function in the condition of a trigger',
      `${item} ${see} ${blind} ${trigger('item', 'blind()', 'WHEN (see() = 1)')}`,
    ],
    ['what a trigger is given', `${item} ${blind} ${trigger('item', "blind('now')")}`],
    [
      'a trigger of all partitions',
      `CREATE TABLE whole (id int) PARTITION BY LIST (id); CREATE TABLE item PARTITION OF whole DEFAULT; ${fire} ${trigger('whole')}`,
    ],
    [
      'a trigger of a partition',
      `CREATE TABLE item (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF item DEFAULT; ${fire} ${trigger('part')}`,
    ],
    [
      'a trigger of a child',
      `${item} CREATE TABLE child () INHERITS (item); ${fire} ${trigger('child')}`,
    ],
    ...[
      'ON DELETE CASCADE',
      'ON DELETE SET NULL',
      'ON DELETE SET DEFAULT',
      'ON UPDATE CASCADE',
      'ON UPDATE SET NULL',
      'ON UPDATE SET DEFAULT',
    ].map((action): [string, string] => [`a trigger that ${action} fires`, below(action)]),
    ['a rule', `${item} CREATE RULE r AS ON INSERT TO item DO ALSO SELECT 1`],
    ['a view', 'CREATE VIEW item AS SELECT now()'],
    ['a view that calls a function', `${see} CREATE VIEW item AS SELECT see()`],
    [
      'a view of a view',
      'CREATE VIEW deep AS SELECT now(); CREATE VIEW item AS SELECT * FROM deep',
    ],
    [
      'a view of a table with a trigger',
      `CREATE TABLE deep (id int); ${fire} ${trigger('deep')} CREATE VIEW item AS SELECT * FROM deep`,
    ],
    ['a policy', `${item} ${enable} CREATE POLICY p ON item USING (at = now())`],
    ['what a policy checks', `${item} ${enable} CREATE POLICY p ON item WITH CHECK (at = now())`],
    [
      'a function in a policy',
      `${see} ${item} ${enable} CREATE POLICY p ON item USING (see() = 1)`,
    ],
    [
      'what a policy reads',
      `CREATE VIEW deep AS SELECT now() AS at; ${item} ${enable} CREATE POLICY p ON item USING (at = (SELECT at FROM deep))`,
    ],
    ['a CHECK', 'CREATE TABLE item (at timestamptz CHECK (at < now()))'],
    ['a function in a CHECK', `${odd('see')} CREATE TABLE item (id int CHECK (see(id) = 1))`],
    [
      'a function in an exclusion',
      `${odd('see')} CREATE TABLE item (id int, EXCLUDE (id WITH =) WHERE (see(id) = 1))`,
    ],
    [
      'an exclusion',
      `CREATE TABLE item (id int, EXCLUDE (id WITH =) WHERE (id < length('yesterday')))`,
    ],
    ['a function in a default', `${see} CREATE TABLE item (id int DEFAULT see())`],
    [
      'a generated column',
      `${odd('see')} CREATE TABLE item (id int, n int GENERATED ALWAYS AS (see(id)) STORED)`,
    ],
    ['an index', `${odd('see')} ${item} CREATE INDEX ON item (see(id))`],
    [
      'the condition of an index',
      `${odd('see')} ${item} CREATE INDEX ON item (id) WHERE see(id) = 1`,
    ],
    [
      'the key of its partitions',
      `${odd('see')} CREATE TABLE item (id int) PARTITION BY RANGE (see(id))`,
    ],
    [
      'the key of what it is a part of',
      `${odd('see')} CREATE TABLE whole (id int) PARTITION BY RANGE (see(id)); CREATE TABLE item PARTITION OF whole DEFAULT`,
    ],
    [
      'the default that a foreign key sets',
      'CREATE TABLE item (at date PRIMARY KEY); CREATE TABLE below (at date DEFAULT CURRENT_DATE REFERENCES item ON DELETE SET DEFAULT)',
    ],
    [
      'the default that another one sets',
      'CREATE TABLE item (at date PRIMARY KEY); CREATE TABLE below (at date DEFAULT CURRENT_DATE REFERENCES item ON UPDATE SET DEFAULT)',
    ],
    [
      'another server',
      `CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE item (a text) SERVER s OPTIONS (filename '/dev/null')`,
    ],
  ])('%s', async (_what, sql) => {
    expect(await sees(sql, read('item'))).toBe(true)
  })
  it.each<[string, string]>([
    ['a trigger', `${item} ${blind} ${trigger('item', 'blind()')}`],
    [
      'a trigger of another table',
      `${item} CREATE TABLE other (id int); ${fire} ${trigger('other')}`,
    ],
    ['a view', 'CREATE TABLE deep (id int); CREATE VIEW item AS SELECT * FROM deep'],
    ['a materialized view', 'CREATE MATERIALIZED VIEW item AS SELECT now()'],
    [
      'a policy, a CHECK, an index, a default',
      `CREATE TABLE item (id int DEFAULT 1 CHECK (id > 0)); ${enable} CREATE POLICY p ON item USING (id = 1); CREATE INDEX ON item (abs(id))`,
    ],
    ['a table that refers to it', below('')],
    ['a default of its own', 'CREATE TABLE item (at timestamptz DEFAULT now())'],
    [
      'a table that refers to it and has a default',
      'CREATE TABLE item (at date PRIMARY KEY); CREATE TABLE below (at date DEFAULT CURRENT_DATE REFERENCES item)',
    ],
    ['a key of partitions', 'CREATE TABLE item (id int) PARTITION BY RANGE (abs(id))'],
    [
      'extensions that are known',
      'CREATE EXTENSION citext; CREATE EXTENSION pgcrypto; CREATE TABLE item (a citext UNIQUE)',
    ],
  ])('and not by %s', async (_what, sql) => {
    expect(await sees(sql, read('item'))).toBe(false)
  })
})

describe('a function is judged by', () => {
  it.each<[string, string, string, boolean]>([
    [
      'its arguments’ defaults',
      "CREATE FUNCTION f(a timestamptz DEFAULT now()) RETURNS int LANGUAGE sql AS 'SELECT 1'",
      called('f'),
      true,
    ],
    [
      'its body in SQL',
      'CREATE FUNCTION f() RETURNS timestamptz BEGIN ATOMIC SELECT now(); END',
      called('f'),
      true,
    ],
    [
      'a body in SQL that sees nothing',
      'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END',
      called('f'),
      false,
    ],
    [
      'its language',
      "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE internal AS 'int4abs'",
      'SELECT f(1)',
      true,
    ],
    [
      'what an aggregate is',
      'CREATE AGGREGATE f(int) (SFUNC = int4pl, STYPE = int)',
      'SELECT f(1)',
      true,
    ],
    [
      'an extension that is known',
      'CREATE EXTENSION pgcrypto',
      "SELECT digest('a', 'md5'), gen_salt('bf')",
      false,
    ],
    [
      'one that is not, where it is volatile',
      'CREATE EXTENSION tablefunc',
      'SELECT normal_rand(1, 1, 1)',
      true,
    ],
    [
      'one that is not, where it is immutable',
      'CREATE EXTENSION seg',
      "SELECT seg_union('1', '2')",
      false,
    ],
    [
      'a call of what an extension has',
      `CREATE EXTENSION seg; ${body('f', 'seg_union')}`,
      called('f'),
      false,
    ],
  ])('%s', async (_what, sql, text, expected) => {
    expect(await sees(sql, text)).toBe(expected)
  })
})

describe('anything may see the time where a database has', () => {
  it.each<[string, string]>([
    [
      'a cast',
      `CREATE TYPE pair AS (a int); CREATE FUNCTION see(pair) RETURNS int LANGUAGE sql AS $$SELECT 1 -- now$$; CREATE CAST (pair AS int) WITH FUNCTION see(pair)`,
    ],
    [
      'an operator',
      `CREATE FUNCTION see(int, int) RETURNS int LANGUAGE sql AS $$SELECT 1 -- now$$; CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = see)`,
    ],
    [
      'an operator class',
      `CREATE FUNCTION see(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS $$SELECT 1 -- now$$; CREATE OPERATOR CLASS o FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 see(int, int)`,
    ],
    [
      'a type',
      `CREATE TYPE stamp; CREATE FUNCTION stamp_in(cstring) RETURNS stamp IMMUTABLE STRICT LANGUAGE internal AS 'int4in';
CREATE FUNCTION stamp_out(stamp) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'int4out'; CREATE TYPE stamp (INPUT = stamp_in, OUTPUT = stamp_out, LIKE = int4)`,
    ],
    ['the default of a domain', 'CREATE DOMAIN day AS date DEFAULT CURRENT_DATE'],
    ['a function as the default of a domain', `${see} CREATE DOMAIN n AS int DEFAULT see()`],
    ['the CHECK of a domain', 'CREATE DOMAIN past AS timestamptz CHECK (value < now())'],
    [
      'a function in the CHECK of a domain',
      `${odd('see')} CREATE DOMAIN n AS int CHECK (see(value) = 1)`,
    ],
  ])('%s', async (_what, sql) => {
    expect(await sees(sql, 'SELECT 1')).toBe('anything')
  })
  it.each<[string, string]>([
    [
      'a cast',
      'CREATE TYPE pair AS (a int); CREATE FUNCTION f(pair) RETURNS int LANGUAGE sql AS $$SELECT 1$$; CREATE CAST (pair AS int) WITH FUNCTION f(pair)',
    ],
    [
      'an operator',
      'CREATE FUNCTION f(int, int) RETURNS int LANGUAGE sql AS $$SELECT 1$$; CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = f)',
    ],
    ['a domain', 'CREATE DOMAIN n AS int DEFAULT 1 CHECK (value > 0)'],
    ['a CHECK of a table', 'CREATE TABLE item (at timestamptz CHECK (at < now()))'],
    [
      'a default of a table',
      `${see} CREATE TABLE item (id int DEFAULT see(), at timestamptz DEFAULT now())`,
    ],
    ['a type that was named so', "CREATE TYPE today AS ENUM ('now')"],
  ])('and not %s', async (_what, sql) => {
    expect(await sees(sql, 'SELECT 1')).toBe(false)
  })
})

it('views are known by their names', async () => {
  const sql =
    'CREATE VIEW v AS SELECT 1; CREATE TABLE t (a int); CREATE MATERIALIZED VIEW m AS SELECT 1'
  const sight = await asking.with(sql, (ask) => Sight.read(ask))
  expect(['v', 't', 'm', 'pg_views'].map((name) => sight?.isView(name))).toEqual([
    ...[true, false, false, false],
  ])
})
