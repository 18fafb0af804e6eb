import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Catalog, type Table } from '../src/keep/keep-catalog.ts'
import { Asking } from './asking.ts'
import { parser } from './keep-scripted.ts'

let asking: Asking
beforeAll(async () => {
  asking = await Asking.start()
})
afterAll(() => asking?.dispose())

/** What is read of a database in which that was defined. */
async function catalogOf(sql: string, wanted?: string): Promise<Catalog> {
  return asking.with(sql, async (ask) => {
    const oids =
      wanted === undefined ? [] : (await ask(`SELECT '${wanted}'::regclass::oid`)).rows[0]
    const catalog = await Catalog.read((oids ?? []).map(Number), parser, ask)
    if (catalog === undefined) throw new Error('nothing was read')
    return catalog
  })
}

const asks = async (sql: string): Promise<boolean> => (await catalogOf(sql)).asksSequences

const item = 'CREATE TABLE item (id serial, a int);'
const inBody = (text: string): string =>
  `CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$BEGIN /* ${text} */ RETURN 1; END$$`
const fire = 'CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;'

describe('something asks which number came last, or sets one', () => {
  it.each<[string, string]>([
    ...['lastval()', "currval('s')", "SETVAL('s', 1)", 'ALTER SEQUENCE s RESTART'].map(
      (text): [string, string] => [`a function: ${text}`, inBody(text)],
    ),
    ...[
      "currval('item_id_seq')",
      'lastval()',
      "setval('item_id_seq', 1)",
      "setval('item_id_seq', 1, true)",
    ].flatMap((call): [string, string][] => [
      [`a view: ${call}`, `${item} CREATE VIEW v AS SELECT ${call}`],
      [
        `a body in SQL: ${call}`,
        `${item} CREATE FUNCTION f() RETURNS int8 BEGIN ATOMIC SELECT ${call}; END`,
      ],
    ]),
    ['a rule', `${item} CREATE RULE r AS ON INSERT TO item DO ALSO SELECT lastval()`],
    ['a default', `${item} ALTER TABLE item ALTER a SET DEFAULT lastval()`],
    ['a CHECK', `${item} ALTER TABLE item ADD CHECK (lastval() > 0)`],
    [
      'a condition of a trigger',
      `${item} ${fire} CREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW WHEN (lastval() > 0) EXECUTE FUNCTION fire()`,
    ],
    ['a policy', `${item} CREATE POLICY p ON item USING (lastval() > 0)`],
    ['what a policy checks', `${item} CREATE POLICY p ON item WITH CHECK (lastval() > 0)`],
    ['the default of a domain', 'CREATE DOMAIN d AS int8 DEFAULT lastval()'],
    ['the CHECK of a domain', 'CREATE DOMAIN d AS int8 CHECK (lastval() > value)'],
    [
      'the default of an argument',
      "CREATE FUNCTION f(a int8 DEFAULT lastval()) RETURNS int8 LANGUAGE sql AS 'SELECT $1'",
    ],
    ['an operator', 'CREATE OPERATOR !! (RIGHTARG = regclass, FUNCTION = currval)'],
    [
      'an aggregate',
      'CREATE AGGREGATE f(oid) (SFUNC = oidlarger, STYPE = oid, FINALFUNC = currval)',
    ],
  ])('%s', async (_what, sql) => {
    expect(await asks(sql)).toBe(true)
  })
  it.each<[string, string]>([
    ['a serial', item],
    ['nextval()', `${item} CREATE VIEW v AS SELECT nextval('item_id_seq')`],
    ['a word like it', inBody('a_lastval, restarted')],
    ['a text in a view', "CREATE VIEW v AS SELECT 'lastval()'"],
    ['an extension', 'CREATE EXTENSION lo; CREATE EXTENSION tablefunc'],
  ])('and not %s', async (_what, sql) => {
    expect(await asks(sql)).toBe(false)
  })
})

describe('a table', () => {
  const names = (table: Table | undefined) => table?.columns.map(({ name }) => name)
  it('is known where an answer came from it, with all its columns but those that are gone', async () => {
    const catalog = await catalogOf(
      "CREATE TABLE item (id serial, gone int, at timestamptz DEFAULT now(), always int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (id * 2) STORED, word varchar(9) DEFAULT 'a'); ALTER TABLE item DROP gone",
      'item',
    )
    expect(catalog.byName({ relname: 'item' })?.columns).toMatchObject([
      { name: 'id', number: 1, type: 'integer', identity: false, source: 'serial', touched: false },
      { name: 'at', number: 3, type: 'timestamp with time zone', source: 'clock' },
      { name: 'always', number: 4, identity: true, source: 'serial' },
      { name: 'twice', number: 5, identity: false, source: 'fixed', expression: '' },
      { name: 'word', number: 6, type: 'character varying(9)', source: 'fixed' },
    ])
  })
  it('is known where it has a default of time, and not otherwise', async () => {
    const catalog = await catalogOf(
      'CREATE TABLE item (at timestamptz DEFAULT now()); CREATE TABLE other (id serial); CREATE TABLE parts (day date DEFAULT CURRENT_DATE) PARTITION BY RANGE (day)',
    )
    expect(names(catalog.byName({ relname: 'item' }))).toEqual(['at'])
    expect(names(catalog.byName({ relname: 'parts' }))).toEqual(['day'])
    expect(catalog.byName({ relname: 'other' })).toBeUndefined()
    expect(['item', 'other', 'parts'].map((name) => catalog.isTimed(name))).toEqual([
      true,
      false,
      true,
    ])
  })
  it.each([
    [
      'has a rule',
      'CREATE TABLE item (at date DEFAULT CURRENT_DATE); CREATE RULE r AS ON INSERT TO item DO ALSO NOTHING',
    ],
    [
      'is a view',
      'CREATE VIEW item AS SELECT CURRENT_DATE AS at; ALTER VIEW item ALTER at SET DEFAULT CURRENT_DATE',
    ],
    [
      'is on another server',
      "CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE item (at date DEFAULT CURRENT_DATE) SERVER s OPTIONS (filename '/dev/null')",
    ],
  ])('is left alone where it %s', async (_what, sql) => {
    expect((await catalogOf(sql)).byName({ relname: 'item' })).toBeUndefined()
  })
  it('is found by its name where that leads to it, and by that of its schema', async () => {
    const catalog = await catalogOf(
      'CREATE SCHEMA app; CREATE TABLE app.item (at date DEFAULT CURRENT_DATE); CREATE TABLE app.parts (made date DEFAULT CURRENT_DATE) PARTITION BY RANGE (made); CREATE TABLE item (day date DEFAULT CURRENT_DATE); SET LOCAL search_path = app, public',
    )
    expect(names(catalog.byName({ relname: 'item' }))).toEqual(['at'])
    expect(names(catalog.byName({ relname: 'parts' }))).toEqual(['made'])
    expect(names(catalog.byName({ schemaname: 'public', relname: 'item' }))).toEqual(['day'])
    const other = await catalogOf(
      'CREATE SCHEMA app; CREATE TABLE app.item (at date DEFAULT CURRENT_DATE); CREATE TABLE item (day date DEFAULT CURRENT_DATE); SET LOCAL search_path = public, app',
    )
    expect(names(other.byName({ relname: 'item' }))).toEqual(['day'])
  })
})

describe('a column is touched', () => {
  const made = (of: string, how = 'BEFORE INSERT', args = '', each = 'ROW'): string =>
    `CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ${of} RETURN NEW; END$$;
     CREATE TRIGGER t ${how} ON part FOR EACH ${each} EXECUTE FUNCTION fire(${args})`
  const one = 'CREATE TABLE part (id serial, other serial);'
  const parts = `CREATE TABLE item (id serial, other serial) PARTITION BY LIST (id);
    CREATE TABLE part PARTITION OF item DEFAULT;`
  it.each<[string, string, string, readonly boolean[]]>([
    ['by a trigger that names it', one, made('NEW.ID := 1;'), [true, false]],
    ['by one that is given its name', one, made('', 'BEFORE INSERT', "'id'"), [true, false]],
    ['by one that puts another row in its place', one, made('NEW := f(NEW);'), [true, true]],
    ['by one that sets it to one', one, made('NEW = f(NEW);'), [true, true]],
    ['by one that selects one', one, made('SELECT (f(NEW)).* INTO NEW;'), [true, true]],
    ['by one that selects one alone', one, made('SELECT 1 INTO STRICT NEW;'), [true, true]],
    [
      'by one of several ways to fire',
      one,
      made('NEW.id := 1;', 'BEFORE INSERT OR UPDATE'),
      [true, false],
    ],
    ['by one of a part', parts, made('NEW.id := 1;'), [true, false]],
    ['and not by one that names neither', one, made('NEW.oth := NULL;'), [false, false]],
    ['nor by one that fires behind it', one, made('NEW.id := 1;', 'AFTER INSERT'), [false, false]],
    ['nor by one of an update', one, made('NEW.id := 1;', 'BEFORE UPDATE'), [false, false]],
    [
      'nor by one of a statement',
      one,
      made('NEW.id := 1;', 'BEFORE INSERT', '', 'STATEMENT'),
      [false, false],
    ],
    [
      'nor by one of another table',
      `${one} ALTER TABLE part RENAME TO item; CREATE TABLE part (id int, at date DEFAULT CURRENT_DATE);`,
      made('NEW.id := 1;'),
      [false, false],
    ],
    [
      'nor by a foreign key',
      `${one} ALTER TABLE part ADD PRIMARY KEY (id), ADD FOREIGN KEY (other) REFERENCES part`,
      '',
      [false, false],
    ],
  ])('%s', async (_how, table, trigger, touched) => {
    const name = table.includes(' item') ? 'item' : 'part'
    const catalog = await catalogOf(`${table} ${trigger}`, name)
    expect(catalog.byName({ relname: name })?.columns.map((column) => column.touched)).toEqual(
      touched,
    )
  })
})
