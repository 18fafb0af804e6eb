import { describe, expect, it } from 'vitest'
import { Catalog } from '../src/keep/keep-catalog.ts'
import {
  answered,
  catalogOf,
  type Field,
  type How,
  instant,
  parser,
  rewritten,
  type TableLine,
  tables,
} from './keep-scripted.ts'

/** A text on one line, with T for the time at which the transaction began. */
function short(text: string | undefined): string | undefined {
  return text
    ?.replace(/\s+/g, ' ')
    .replaceAll(/\( | \)/g, (bracket) => bracket.trim())
    .replaceAll(`CAST('${instant}' AS timestamp with time zone)`, 'T')
}

const id: Field = ['id', 1, 1]
const token: Field = ['token', 1, 4]
const day = 'CAST(T AS pg_catalog.date)'
/** What is given to the columns of `item` that are left to the clock. */
const clocked = `T, ${day}`

type Row = [
  what: string,
  text: string,
  fields: readonly Field[],
  rows: readonly (string | null)[][],
  becomes: string | undefined,
  serial?: boolean,
]

const inserts: Row[] = [
  [
    'a serial and the clock’s defaults, where columns are left out',
    "INSERT INTO item (name) VALUES ('a') RETURNING id",
    [id],
    [['7']],
    `INSERT INTO item (name, id, at, day) VALUES ('a', '7', ${clocked}) RETURNING id`,
    true,
  ],
  [
    'what the answer calls otherwise, and what is drawn at random',
    "INSERT INTO item (name) VALUES ('a') RETURNING token AS t, id AS n",
    [
      ['t', 1, 4],
      ['n', 1, 1],
    ],
    [['u', '7']],
    `INSERT INTO item (name, id, at, token, day) VALUES ('a', '7', T, 'u', ${day}) RETURNING token AS t, id AS n`,
    true,
  ],
  [
    'DEFAULT in its place',
    "INSERT INTO item (id, name, at) VALUES (DEFAULT, 'a', DEFAULT) RETURNING id",
    [id],
    [['7']],
    `INSERT INTO item (id, name, at, day) VALUES ('7', 'a', ${clocked}) RETURNING id`,
    true,
  ],
  [
    'columns that are counted off',
    "INSERT INTO item VALUES (DEFAULT, 'a') RETURNING id",
    [id],
    [['7']],
    `INSERT INTO item (id, name, at, day) VALUES ('7', 'a', ${clocked}) RETURNING id`,
    true,
  ],
  [
    'DEFAULT VALUES',
    'INSERT INTO item DEFAULT VALUES RETURNING id',
    [id],
    [['7']],
    `INSERT INTO item (id, at, day) VALUES ('7', ${clocked}) RETURNING id`,
    true,
  ],
  [
    'each row of several, but not what was given',
    "INSERT INTO item (name, id) VALUES ('a', DEFAULT), ('b', 9), ('c', DEFAULT) RETURNING id",
    [id],
    [['7'], ['9'], ['8']],
    `INSERT INTO item (name, id, at, day) VALUES ('a', '7', ${clocked}), ('b', 9, ${clocked}), ('c', '8', ${clocked}) RETURNING id`,
    true,
  ],
  [
    'nothing drawn of a row that was not answered',
    "INSERT INTO item (name) VALUES ('a'), ('b') ON CONFLICT DO NOTHING RETURNING id",
    [id],
    [['7']],
    `INSERT INTO item (name, id, at, day) VALUES ('a', '7', ${clocked}), ('b', DEFAULT, ${clocked}) ON CONFLICT DO NOTHING RETURNING id`,
    true,
  ],
  [
    'a SELECT, with types',
    "INSERT INTO item (name) SELECT 'a' RETURNING id",
    [id],
    [['7']],
    `INSERT INTO item (name, id, at, day) SELECT 'a', '7'::int, CAST(T AS timestamp with time zone), CAST(${day} AS date) RETURNING id`,
    true,
  ],
  [
    'SELECTs under UNION ALL, in order',
    "INSERT INTO item (name, at, day) SELECT 'a', T1, T1 UNION ALL SELECT 'b', T1, T1 UNION ALL SELECT 'c', T1, T1 RETURNING id",
    [id],
    [['7'], ['8'], ['9']],
    "INSERT INTO item (name, at, day, id) (SELECT 'a', t1, t1, '7'::int UNION ALL SELECT 'b', t1, t1, '8'::int) UNION ALL SELECT 'c', t1, t1, '9'::int RETURNING id",
    true,
  ],
  [
    'a column that ON CONFLICT reads otherwise than as proposed',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') ON CONFLICT (name) DO UPDATE SET hits = item.id + excluded.hits RETURNING id",
    [id],
    [['7']],
    "INSERT INTO item (name, at, day, id) VALUES ('a', '1', '1', '7') ON CONFLICT (name) DO UPDATE SET hits = item.id + excluded.hits RETURNING id",
    true,
  ],
  [
    'NEW, and not OLD',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') RETURNING old.id, new.id",
    [id, id],
    [['3', '7']],
    "INSERT INTO item (name, at, day, id) VALUES ('a', '1', '1', '7') RETURNING old.id, new.id",
    true,
  ],
  [
    'OLD and NEW by other names',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') RETURNING WITH (OLD AS o, NEW AS n) o.id, n.id",
    [id, id],
    [['3', '7']],
    "INSERT INTO item (name, at, day, id) VALUES ('a', '1', '1', '7') RETURNING WITH (OLD AS o, NEW AS n) o.id, n.id",
    true,
  ],
  [
    'what stands behind all columns of OLD',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') RETURNING old.*, id",
    [id, ['name', 1, 2], ['at', 1, 3], token, ['day', 1, 5], ['hits', 1, 6], ['made', 1, 7], id],
    [['3', 'x', 't', 'u', 'd', '1', 'm', '7']],
    "INSERT INTO item (name, at, day, id) VALUES ('a', '1', '1', '7') RETURNING old.*, id",
    true,
  ],
  [
    'calls that draw, cast or not',
    "INSERT INTO item (id, token, at, day) VALUES (nextval('item_id_seq')::int, gen_random_uuid(), '1', '1') RETURNING id, token",
    [id, token],
    [['7', 'u']],
    "INSERT INTO item (id, token, at, day) VALUES ('7', 'u', '1', '1') RETURNING id, token",
    true,
  ],
  [
    'a value with a quote, an empty one, and none at all',
    'INSERT INTO item (at, day, name) VALUES (now(), now(), gen_random_uuid()), (now(), now(), gen_random_uuid()), (now(), now(), gen_random_uuid()) RETURNING name',
    [['name', 1, 2]],
    [["it's"], [''], [null]],
    "INSERT INTO item (at, day, name) VALUES (T, T, 'it''s'), (T, T, ''), (T, T, NULL) RETURNING name",
  ],
  [
    'nothing in the place of an empty text of its own',
    "INSERT INTO item (name, at, day) VALUES ('', '1', '1') RETURNING id",
    [id],
    [['7']],
    "INSERT INTO item (name, at, day, id) VALUES ('', '1', '1', '7') RETURNING id",
    true,
  ],
  [
    'all columns of an answer, and nothing in the place of a default that is always the same',
    'INSERT INTO item DEFAULT VALUES RETURNING *',
    [id, ['name', 1, 2], ['at', 1, 3], token, ['day', 1, 5], ['hits', 1, 6], ['made', 1, 7]],
    [['7', null, 't', 'u', 'd', '1', 'm']],
    `INSERT INTO item (id, at, token, day, made) VALUES ('7', T, 'u', ${day}, 'm') RETURNING *`,
    true,
  ],
  [
    'a column that is called like the row that was there',
    "INSERT INTO mixed (code) VALUES ('a') RETURNING old",
    [['old', 6, 2]],
    [['7']],
    "INSERT INTO mixed (code, old) VALUES ('a', '7') RETURNING old",
    true,
  ],
  [
    'a number beside a column of which a part is assigned',
    "INSERT INTO item (name[1], at, day) VALUES ('a', '1', '1') RETURNING id",
    [id],
    [['7']],
    "INSERT INTO item (name [1], at, day, id) VALUES ('a', '1', '1', '7') RETURNING id",
    true,
  ],
  [
    'the row of a SELECT from somewhere',
    'INSERT INTO item (name, at, day) SELECT a, b, c FROM t LIMIT 1 RETURNING id',
    [id],
    [['7']],
    "INSERT INTO item (name, at, day, id) SELECT a, b, c, '7'::int FROM t LIMIT 1 RETURNING id",
    true,
  ],
  [
    'an identity that is always generated',
    "INSERT INTO always (name) VALUES ('a') RETURNING id",
    [['id', 2, 1]],
    [['7']],
    "INSERT INTO always (name, id) OVERRIDING SYSTEM VALUE VALUES ('a', '7') RETURNING id",
    true,
  ],
  [
    'an identity for which a value was given that did not count',
    "INSERT INTO always (id, name) OVERRIDING USER VALUE VALUES (3, 'a') RETURNING id",
    [['id', 2, 1]],
    [['7']],
    "INSERT INTO always (id, name) OVERRIDING SYSTEM VALUE VALUES ('7', 'a') RETURNING id",
    true,
  ],
  [
    'a clock’s default that a trigger looks at, since it sees the same',
    "INSERT INTO seen_first (name) VALUES ('a') RETURNING id, at",
    [
      ['id', 3, 1],
      ['at', 3, 2],
    ],
    [['7', 't']],
    "INSERT INTO seen_first (name, at) VALUES ('a', T) RETURNING id, at",
  ],
]

const unkept: Row[] = [
  [
    'an identity for which a value was given',
    "INSERT INTO always (id, name) OVERRIDING SYSTEM VALUE VALUES (3, 'a') RETURNING id",
    [['id', 2, 1]],
    [['3']],
    undefined,
  ],
  [
    'rows that a UNION may have made one of',
    "INSERT INTO item (name) SELECT 'a' UNION SELECT 'b' RETURNING id",
    [id],
    [['7'], ['8']],
    undefined,
  ],
  [
    'rows that are sorted before they are inserted',
    "INSERT INTO item (name) VALUES ('b'), ('a') ORDER BY 1 RETURNING id",
    [id],
    [['7'], ['8']],
    undefined,
  ],
  [
    'rows of which the first are left out',
    "INSERT INTO item (name) VALUES ('b'), ('a') OFFSET 1 RETURNING id",
    [id],
    [['7']],
    undefined,
  ],
  [
    'rows of which only some are taken',
    "INSERT INTO item (name) VALUES ('b'), ('a') LIMIT 1 RETURNING id",
    [id],
    [['7']],
    undefined,
  ],
  [
    'a leg that may give no row',
    "INSERT INTO item (name) SELECT 'a' WHERE $1 UNION ALL SELECT 'b' RETURNING id",
    [id],
    [['7']],
    undefined,
  ],
  [
    'columns of which nobody knows how many there are',
    'INSERT INTO item SELECT * FROM t RETURNING id',
    [id],
    [['7']],
    undefined,
  ],
  [
    'columns among which is a star',
    'INSERT INTO item SELECT 1, t.* FROM t RETURNING id',
    [id],
    [['7']],
    undefined,
  ],
  [
    'a part of a column that is left to its default',
    "INSERT INTO item (id[1], name, at, day) VALUES (DEFAULT, 'a', '1', '1') RETURNING id",
    [id],
    [['{1}']],
    undefined,
  ],
  [
    'a default of the user’s own',
    "INSERT INTO mixed (code, old) VALUES ('a', 1) RETURNING counted",
    [['counted', 6, 3]],
    [['7']],
    undefined,
  ],
  [
    'a default of the user’s own by its name',
    "INSERT INTO mixed (code, old, counted) VALUES ('a', 1, DEFAULT) RETURNING counted",
    [['counted', 6, 3]],
    [['7']],
    undefined,
  ],
  ...(
    [
      'SELECT DISTINCT $1 UNION ALL SELECT $2',
      'SELECT $1 FROM t UNION ALL SELECT $2',
      'SELECT $1 UNION ALL SELECT $2 FROM t',
      'SELECT $1 GROUP BY () UNION ALL SELECT $2',
      'SELECT $1 HAVING $3 UNION ALL SELECT $2',
      '(SELECT $1 LIMIT 0) UNION ALL SELECT $2',
      '(SELECT $1 OFFSET 1) UNION ALL SELECT $2',
      '(SELECT $1 ORDER BY 1) UNION ALL SELECT $2',
      'SELECT $1 UNION ALL SELECT $2 ORDER BY 1',
      'SELECT $1 WINDOW w AS () UNION ALL SELECT $2',
      '(WITH w AS (SELECT 1) SELECT $1) UNION ALL SELECT $2',
      'SELECT $1 UNION ALL VALUES ($2)',
      'SELECT $1 EXCEPT ALL SELECT $2',
      'SELECT $1 INTERSECT ALL SELECT $2',
      'SELECT $1 UNION SELECT $2',
      '(SELECT $1 EXCEPT ALL SELECT $2) UNION ALL SELECT $3',
    ] as const
  ).map(
    (select): Row => [
      `rows that may be others than their SELECTs: ${select}`,
      `INSERT INTO always (name) ${select} RETURNING id`,
      [['id', 2, 1]],
      [['7'], ['8']],
      undefined,
    ],
  ),
  [
    'a leg with a star',
    'INSERT INTO item SELECT 1, t.* FROM t UNION ALL SELECT 1, t.* FROM t RETURNING id',
    [id],
    [['7'], ['8']],
    undefined,
  ],
  [
    'a table that does not tell which of two it is',
    "INSERT INTO elsewhere (name) VALUES ('a') RETURNING id",
    [['id', 9, 1]],
    [['7']],
    undefined,
  ],
  [
    'what ON CONFLICT reads as proposed',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') ON CONFLICT (name) DO UPDATE SET hits = excluded.id RETURNING id",
    [id],
    [['7']],
    undefined,
  ],
  [
    'what ON CONFLICT reads as proposed with the whole row',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') ON CONFLICT (name) DO UPDATE SET name = excluded::text RETURNING id",
    [id],
    [['7']],
    undefined,
  ],
  [
    'what ON CONFLICT reads as proposed with all columns',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') ON CONFLICT (name) DO UPDATE SET name = to_jsonb(excluded.*) RETURNING id",
    [id],
    [['7']],
    undefined,
  ],
  [
    'a column of which a part is assigned',
    "INSERT INTO item (id[1], name, at, day) VALUES (1, 'a', '1', '1') RETURNING id",
    [id],
    [['{1}']],
    undefined,
  ],
  [
    'what an expression made of it',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') RETURNING id + 0",
    [['?column?']],
    [['7']],
    undefined,
  ],
  [
    'an answer that has more columns than the text tells of',
    "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') RETURNING id",
    [id, id],
    [['7', '8']],
    undefined,
  ],
  [
    'a call of a parameter',
    "INSERT INTO item (id, at, day) VALUES (nextval($1), '1', '1') RETURNING id",
    [id],
    [['7']],
    undefined,
  ],
  [
    'a call by the name of another schema',
    "INSERT INTO item (id, token, at, day) VALUES (mine.nextval('s'), mine.gen_random_uuid(), '1', '1') RETURNING id, token",
    [id, token],
    [['7', 'u']],
    undefined,
  ],
  [
    'rows of different lengths',
    "INSERT INTO item (name, id) VALUES ('a', DEFAULT), ('b') RETURNING id",
    [id],
    [['7'], ['8']],
    undefined,
  ],
  ['more values than columns', 'INSERT INTO always VALUES (1, 2, 3)', [], [], undefined],
  ['fewer values than names', 'INSERT INTO item (id, name, at) VALUES (1, 2)', [], [], undefined],
  ['what was not answered', "INSERT INTO always (name) VALUES ('a')", [], [], undefined],
  ['what is no statement', 'INSERT INTO item (name) VALUES', [], [], undefined],
  ['a definition', 'CREATE TABLE x (at timestamptz DEFAULT now())', [], [], undefined],
  ['a statement that has none of it', 'SELECT 1', [['?column?']], [['1']], undefined],
]

describe('an INSERT that is executed again is given', () => {
  it.each(inserts)('%s', async (_what, text, fields, rows, becomes, serial = false) => {
    const sent = await rewritten(answered(text, fields, ...rows))
    expect(short(sent.text)).toBe(becomes)
    expect(sent).toMatchObject({ serial, timed: /\bT\b/.test(String(becomes)) })
    expect(sent.tree).toEqual(expect.anything())
  })
})

it('a value that was made of the time and of chance is kept as it was seen, and shows the time', async () => {
  const insert = answered(
    'INSERT INTO mixed (old) VALUES (1) RETURNING code',
    [['code', 6, 1]],
    ['x'],
  )
  const { text, timed } = await rewritten(insert)
  expect(short(text)).toBe("INSERT INTO mixed (old, code) VALUES (1, 'x') RETURNING code")
  expect(timed).toBe(true)
  expect((await rewritten(insert, { at: null })).text).toBeUndefined()
})

describe('and is not given', () => {
  it.each(unkept)('%s', async (_what, text, fields, rows) => {
    const sent = await rewritten(answered(text, fields, ...rows))
    expect(sent).toEqual({ tree: parser.read(text), text: undefined, timed: false, serial: false })
  })
  const insert = answered(
    "INSERT INTO item (name) VALUES ('a') RETURNING id, token",
    [id, token],
    ['7', 'u'],
  )
  it.each<[string, How, string]>([
    [
      'a number of a sequence that may be another’s',
      { serials: false },
      `INSERT INTO item (name, at, token, day) VALUES ('a', T, 'u', ${day}) RETURNING id, token`,
    ],
    [
      'a time that is not kept',
      { at: null },
      "INSERT INTO item (name, id, token) VALUES ('a', '7', 'u') RETURNING id, token",
    ],
  ])('%s', async (_what, how, becomes) => {
    expect(short((await rewritten(insert, how)).text)).toBe(becomes)
  })
  it('what the answer shows of the time, where that is not kept', async () => {
    const shown = answered(
      'INSERT INTO item (day) VALUES (now()) RETURNING at',
      [['at', 1, 3]],
      ['t'],
    )
    expect((await rewritten(shown, { at: null })).text).toBeUndefined()
  })
})

describe('the time at which the transaction began takes the place of', () => {
  it.each([
    ['SELECT now(), 1 AS now', 'SELECT T AS now, 1 AS now'],
    ['SELECT pg_catalog.now() AS a', 'SELECT T AS a'],
    ['SELECT transaction_timestamp()', 'SELECT T AS transaction_timestamp'],
    ['SELECT CURRENT_DATE', `SELECT ${day} AS "current_date"`],
    ['SELECT CURRENT_TIME', 'SELECT CAST(T AS time with time zone) AS "current_time"'],
    ['SELECT CURRENT_TIME(1)', 'SELECT CAST(T AS time(1) with time zone) AS "current_time"'],
    ['SELECT CURRENT_TIMESTAMP', 'SELECT T AS "current_timestamp"'],
    [
      'SELECT CURRENT_TIMESTAMP(2)',
      'SELECT CAST(T AS timestamp(2) with time zone) AS "current_timestamp"',
    ],
    ['SELECT LOCALTIME', 'SELECT CAST(T AS time) AS "localtime"'],
    ['SELECT LOCALTIME(3)', 'SELECT CAST(T AS time(3)) AS "localtime"'],
    ['SELECT LOCALTIMESTAMP', 'SELECT CAST(T AS timestamp) AS "localtimestamp"'],
    ['SELECT LOCALTIMESTAMP(0)', 'SELECT CAST(T AS timestamp(0)) AS "localtimestamp"'],
    ["SELECT 'now'::timestamptz", 'SELECT CAST(T AS timestamptz)'],
    ["SELECT ' NOW '::time AS a", 'SELECT CAST(T AS time) AS a'],
    ["SELECT 'now'::timetz", 'SELECT CAST(T AS timetz)'],
    ["SELECT 'now'::date", 'SELECT CAST(T AS date)'],
    ["SELECT 'now'::timestamp", 'SELECT CAST(T AS timestamp)'],
    ["SELECT ' Today'::date", `SELECT CAST(${day} AS date)`],
    ["SELECT 'tomorrow'::timestamp", `SELECT CAST(${day} + 1 AS timestamp)`],
    ["SELECT 'yesterday'::timestamptz", `SELECT CAST(${day} - 1 AS timestamptz)`],
    ['SELECT now()::date', 'SELECT CAST(T AS date) AS now'],
    ['SELECT f(now())', 'SELECT f(T)'],
    ['SELECT 1 FROM t WHERE at < now()', 'SELECT 1 FROM t WHERE at < T'],
    ['SELECT now() FROM now()', 'SELECT T AS now FROM now()'],
    ['SELECT a FROM (SELECT now() AS a) q', 'SELECT a FROM (SELECT T AS a) AS q'],
    ['UPDATE t SET at = now() WHERE id = 1', 'UPDATE t SET at = T WHERE id = 1'],
    ['DELETE FROM t RETURNING id, now()', 'DELETE FROM t RETURNING id, T AS now'],
    [
      'INSERT INTO t SELECT a FROM u RETURNING now() AS b',
      'INSERT INTO t SELECT a FROM u RETURNING T AS b',
    ],
    ['UPDATE item SET at = DEFAULT, hits = DEFAULT', 'UPDATE item SET at = T, hits = DEFAULT'],
    [
      "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') ON CONFLICT (name) DO UPDATE SET at = DEFAULT",
      "INSERT INTO item (name, at, day) VALUES ('a', '1', '1') ON CONFLICT (name) DO UPDATE SET at = T",
    ],
    [
      "INSERT INTO item (name) SELECT 'a' UNION SELECT 'b' ON CONFLICT (name) DO UPDATE SET at = DEFAULT",
      "INSERT INTO item (name) SELECT 'a' UNION SELECT 'b' ON CONFLICT (name) DO UPDATE SET at = T",
    ],
    [
      'MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (at) VALUES (now())',
      'MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (at) VALUES (T)',
    ],
  ])('%s', async (text, becomes) => {
    const sent = await rewritten(text)
    expect(short(sent.text)).toBe(becomes)
    expect(sent).toMatchObject({ timed: true, serial: false })
    expect((await rewritten(text, { at: null })).text).toBeUndefined()
  })
  it.each([
    "SELECT 'now'::text, 'today'::time, 'today'::timetz, 'noon'::date, 'now'",
    'SELECT other.now(), other.transaction_timestamp(), now(1), clock_timestamp()',
    'SELECT 1 FROM now()',
    'UPDATE item SET (at, hits) = ROW (DEFAULT, 1)',
    'UPDATE item SET at[1] = DEFAULT',
    'UPDATE item SET hits = DEFAULT, nothing = DEFAULT',
    'UPDATE elsewhere SET at = DEFAULT',
    "UPDATE item SET at = '2000-01-01'",
    'UPDATE mixed SET code = DEFAULT',
  ])('and not of anything in %s', async (text) => {
    expect(await rewritten(text)).toMatchObject({ text: undefined, timed: false })
  })
  it.each([
    ['a name would be lost by which it is known', 'SELECT XMLELEMENT(name a, now())'],
    ['it cannot be written', "SELECT now() AS a FROM json_table('{}', '$' COLUMNS (b int)) t"],
  ])('nor where %s', async (_where, text) => {
    expect(await rewritten(text)).toEqual({
      tree: parser.read(text),
      text: undefined,
      timed: false,
      serial: false,
    })
  })
})

describe('what a select list drew', () => {
  const fields: readonly Field[] = [['nextval'], ['n'], ['u'], ['?column?']]
  const text = "SELECT nextval('s'), nextval('s')::int::text AS n, uuidv7() AS u, 1"
  it('is kept under its names, in the types it was cast to', async () => {
    const sent = await rewritten(answered(text, fields, ['7', '8', 'u', '1']))
    expect(short(sent.text)).toBe(
      "SELECT CAST('7' AS bigint) AS nextval, CAST(CAST(CAST('8' AS bigint) AS int) AS text) AS n, 'u'::uuid AS u, 1",
    )
    expect(sent).toMatchObject({ serial: true, timed: false })
  })
  it.each([
    'gen_random_uuid',
    'uuidv4',
    'uuidv7',
    'uuid_generate_v1',
    'x.uuid_generate_v1mc',
    'uuid_generate_v4',
  ])('is kept of %s()', async (name) => {
    const sent = await rewritten(answered(`SELECT ${name}() AS u`, [['u']], ['x']))
    expect(short(sent.text)).toBe("SELECT 'x'::uuid AS u")
    expect(sent.serial).toBe(false)
  })
  it('is not a number where none is kept', async () => {
    const sent = await rewritten(answered(text, fields, ['7', '8', 'u', '1']), { serials: false })
    expect(short(sent.text)).toBe(
      "SELECT nextval('s'), CAST((nextval('s'))::int AS text) AS n, 'u'::uuid AS u, 1",
    )
    expect(sent.serial).toBe(false)
  })
  it.each<[string, string, readonly Field[], (string | null)[][]]>([
    ['of several rows', "SELECT nextval('s') FROM t", [['nextval']], [['7'], ['8']]],
    ['of no row', "SELECT nextval('s') FROM t", [['nextval']], []],
    [
      'of a star',
      "SELECT t.*, nextval('s') FROM t",
      [['a'], ['b'], ['nextval']],
      [['1', '2', '7']],
    ],
    ['of a null', 'SELECT gen_random_uuid()', [['gen_random_uuid']], [[null]]],
    ['of a call with a parameter', 'SELECT nextval($1)', [['nextval']], [['7']]],
    ['of a call with one that is cast', 'SELECT nextval($1::regclass)', [['nextval']], [['7']]],
    ['of a call of a column', 'SELECT nextval(t.a) FROM t', [['nextval']], [['7']]],
    ['of a sum', "SELECT nextval('s') + 1", [['?column?']], [['7']]],
    ['of another function', 'SELECT random()', [['random']], [['7']]],
    ['of set operations', "SELECT nextval('s') UNION ALL SELECT 1", [['nextval']], [['7']]],
  ])('is not kept %s', async (_of, select, columns, rows) => {
    expect((await rewritten(answered(select, columns, ...rows))).text).toBeUndefined()
  })
  it.each(['nextval($1)', "nextval('s', $1)", "nextval('s'::regclass, a)"])(
    'is kept beside what is not, which is left as it is: %s',
    async (call) => {
      const select = answered(`SELECT ${call}, uuidv7() AS u`, [['nextval'], ['u']], ['7', 'x'])
      expect(short((await rewritten(select)).text)).toMatch(
        /^SELECT nextval\(.*\), 'x'::uuid AS u$/,
      )
    },
  )
  it('is not kept of a statement that is yet to be answered', async () => {
    expect((await rewritten(text)).text).toBeUndefined()
  })
  it('is kept of a constant’s cast', async () => {
    const sent = await rewritten(answered("SELECT nextval('s'::regclass)", [['nextval']], ['7']))
    expect(short(sent.text)).toBe("SELECT CAST('7' AS bigint) AS nextval")
  })
})

describe('the table of an INSERT', () => {
  const insert = (table: string) => answered(`INSERT INTO ${table} (name) VALUES ('a')`)
  const twice: readonly TableLine[] = [
    {
      oid: 8,
      name: 'item',
      schema: 'app',
      visible: false,
      columns: [['at', 'date', 'CURRENT_DATE']],
    },
    ...tables,
  ]
  it.each([
    ['item', `(name, at, day) VALUES ('a', ${clocked})`],
    ['public.item', `(name, at, day) VALUES ('a', ${clocked})`],
    ['app.item', `(name, at) VALUES ('a', ${day})`],
    ['other.item', undefined],
    ['nowhere.item', undefined],
    ['nothing', undefined],
  ])('is found by the name %s', async (table, becomes) => {
    const { text } = await rewritten(insert(table), { lines: twice })
    expect(short(text)).toBe(becomes && `INSERT INTO ${table} ${becomes}`)
  })
  it('is found by no name where names may lead elsewhere, but by its answer', async () => {
    const how = { lines: twice, namesHold: false }
    expect((await rewritten(insert('item'), how)).text).toBeUndefined()
    const told = answered(
      "INSERT INTO item (name) VALUES ('a') RETURNING at",
      [['at', 8, 1]],
      ['t'],
    )
    expect(short((await rewritten(told, how)).text)).toContain(`('a', ${day})`)
  })
  it('is not the one that an answer came from by another name', async () => {
    const joined = answered(
      "INSERT INTO item (name) VALUES ('a') RETURNING 1",
      [['id', 2, 1]],
      ['1'],
    )
    expect(short((await rewritten(joined)).text)).toContain(`('a', ${clocked})`)
  })
})

describe('a catalog', () => {
  const row = ['7000', '1', '1.5', '1000.5', 'f']
  it.each<[string, (string | null)[][], string?]>([
    ['refuses to tell', [['{}'], [...row, '[]']], '42501'],
    ['tells nothing', []],
    ['tells names alone', [['{}']]],
    ['tells something else', [['{}'], [...row, 'no JSON']]],
  ])('is none where the server %s', async (_what, rows, code) => {
    expect(await Catalog.read([], parser, async () => ({ rows, code }))).toBeUndefined()
  })
  it('has no tables where none has such columns', async () => {
    const rows = [[null], [...row, null]]
    const catalog = await Catalog.read([], parser, async () => ({ rows, code: undefined }))
    expect(catalog?.byOid(1)).toBeUndefined()
    expect(catalog?.isTimed('item')).toBe(false)
    expect(catalog?.incarnation).toMatchObject({ system: '7000', postmaster: '1000.5' })
  })
  it('is asked of the tables that answers came from', async () => {
    let asked = ''
    await Catalog.read([7, 8], parser, async (text) => {
      asked += text
      return { rows: [], code: undefined }
    })
    expect(asked).toContain("'{7,8}'")
  })
  it.each([
    ['f', false],
    ['t', true],
    [null, true],
  ])(
    'of which it is not known that nobody asks sequences asks them: %s',
    async (asks, expected) => {
      expect((await catalogOf(tables, asks))?.asksSequences).toBe(expected)
    },
  )
  it.each([
    ['item', true],
    ['always', false],
    ['nothing', false],
  ])('says of which names a table has a default that speaks of time: %s', async (name, timed) => {
    expect((await catalogOf())?.isTimed(name)).toBe(timed)
  })
  it('knows tables by their number', async () => {
    const catalog = (await catalogOf()) as Catalog
    expect(catalog.byOid(2)).toMatchObject({ name: 'always', oid: 2 })
    expect(catalog.byOid(2)).toBe(catalog.byName({ relname: 'always' }))
    expect(catalog.byOid(99)).toBeUndefined()
  })
  it('has tables without columns', async () => {
    const catalog = await catalogOf([{ oid: 5, name: 'bare', columns: null }])
    expect(catalog?.byOid(5)?.columns).toEqual([])
    expect(catalog?.isTimed('bare')).toBe(false)
  })
  it.each([
    [null, 'fixed'],
    ['1', 'fixed'],
    ["'new'::text", 'fixed'],
    ["nextval('s'::regclass)", 'serial'],
    ["(nextval('s'::regclass))::integer", 'serial'],
    ["- nextval('s'::regclass)", 'serial'],
    ["nextval('s'::regclass) + draw()", 'fixed'],
    ['gen_random_uuid()', 'drawn'],
    ['x.uuid_generate_v4()', 'drawn'],
    ["'item-'::text || md5((random())::text)", 'drawn'],
    ['clock_timestamp()', 'drawn'],
    ['now()', 'clock'],
    ['CURRENT_DATE', 'clock'],
    ["timezone('utc'::text, now())", 'clock'],
    ["date_trunc('day'::text, now())", 'clock'],
    ["to_char(now(), 'YYYY'::text)", 'clock'],
    ["(now() + '1 day'::interval)", 'clock'],
    ['date(now())', 'clock'],
    ["date_part('year'::text, now())", 'clock'],
    ['EXTRACT(year FROM now())', 'clock'],
    ['floor(EXTRACT(epoch FROM now()))', 'clock'],
    ['round(EXTRACT(epoch FROM now()))', 'clock'],
    ['trunc(EXTRACT(epoch FROM now()))', 'clock'],
    ['transaction_timestamp()', 'clock'],
    ["date_part('year'::text, '2020-01-01'::date)", 'drawn'],
    ['(now() || gen_random_uuid())', 'drawn'],
    ['CURRENT_USER', 'drawn'],
    ['draw()', 'fixed'],
    ['(now() || draw())', 'fixed'],
    ['not an expression', 'fixed'],
  ])('says where a default comes from: %s is %s', async (expression, source) => {
    const lines = [{ oid: 5, name: 't', columns: [['c', 'text', expression]] }] as const
    expect((await catalogOf(lines as never))?.byOid(5)?.columns[0]).toMatchObject({ source })
  })
})
