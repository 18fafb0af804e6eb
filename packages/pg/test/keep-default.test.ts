import { describe, expect, it } from 'vitest'
import type { Catalog } from '../src/keep/keep-catalog.ts'
import { fillsInTime } from '../src/keep/keep-default.ts'
import { Sight } from '../src/keep/keep-sight.ts'
import { catalogOf, parser, type TableLine } from './keep-scripted.ts'

const lines: readonly TableLine[] = [
  {
    oid: 1,
    name: 'timed',
    columns: [
      ['n', 'integer', '1'],
      ['at', 'timestamp with time zone', 'now()'],
      ['day', 'date', 'CURRENT_DATE'],
      ['name', 'text'],
    ],
  },
  { oid: 2, name: 'plain', columns: [['n', 'integer', '1']] },
  // Of this name there is one without such a default, too.
  { oid: 3, name: 'both', columns: [['at', 'date', 'now()']] },
  { oid: 4, name: 'both', schema: 'other', visible: false, columns: [['n', 'integer']] },
  { oid: 5, name: 'hidden', schema: 'other', visible: false, columns: [['at', 'date', 'now()']] },
]

/** What may see the time in a database: these relations, functions and views. */
async function sight(
  relations: readonly string[] = [],
  functions: readonly string[] = [],
  views: readonly string[] | null = null,
): Promise<Sight> {
  const lists = [relations, functions, views].map((list) => list && JSON.stringify(list))
  return (await Sight.read(async () => ({ rows: [['f', ...lists]], code: undefined }))) as Sight
}

async function fills(text: string): Promise<boolean> {
  const catalog = (await catalogOf(lines)) as Catalog
  return fillsInTime(parser.read(text)!, {
    sight: await sight([], [], ['v']),
    catalog,
    table: (relation) => catalog.byName(relation),
  })
}

describe('a default that sees the time fills in a column', () => {
  it.each([
    'INSERT INTO timed DEFAULT VALUES',
    "INSERT INTO timed (n, at) VALUES (1, '1')",
    "INSERT INTO timed VALUES (1, '1')",
    "INSERT INTO timed (n, at, day) VALUES (1, DEFAULT, '1')",
    "INSERT INTO timed (at, day) VALUES ('1', '1'), ('1', DEFAULT)",
    "INSERT INTO timed (at, day) VALUES ('1', '1') ON CONFLICT (n) DO UPDATE SET at = DEFAULT",
    "INSERT INTO timed (at, day) VALUES ('1', '1') ON CONFLICT (n) DO UPDATE SET (n, at) = ROW (1, DEFAULT)",
    'INSERT INTO timed SELECT 1',
    'INSERT INTO timed SELECT 1, 2 UNION SELECT 1, 2',
    'INSERT INTO timed SELECT * FROM t',
    'INSERT INTO timed SELECT 1, t.* FROM t',
    'INSERT INTO timed SELECT 1, 2, t.* FROM t',
    'INSERT INTO hidden DEFAULT VALUES',
    'UPDATE timed SET at = DEFAULT',
    'UPDATE timed SET (n, at) = ROW (1, DEFAULT)',
    "MERGE INTO timed USING t ON true WHEN NOT MATCHED THEN INSERT (at, day) VALUES ('1', '1')",
    'WITH i AS (INSERT INTO timed DEFAULT VALUES RETURNING 1) SELECT 1 FROM i',
    'INSERT INTO v VALUES (1)',
    'UPDATE v SET a = 1',
    'DELETE FROM v',
    'MERGE INTO v USING t ON true WHEN MATCHED THEN DELETE',
  ])('in %s', async (text) => expect(await fills(text)).toBe(true))
  it.each([
    "INSERT INTO timed (at, day) VALUES ('1', '1')",
    "INSERT INTO timed (n, at, day) VALUES (DEFAULT, '1', '1')",
    "INSERT INTO timed VALUES (1, '1', '1')",
    "INSERT INTO timed VALUES (DEFAULT, '1', '1'), (DEFAULT, '1', '1')",
    'INSERT INTO timed SELECT 1, 2, 3',
    'INSERT INTO timed SELECT 1, 2, 3 UNION ALL SELECT 1, 2, 3 UNION ALL SELECT 1, 2, 3',
    "INSERT INTO timed (at, day) VALUES ('1', '1') ON CONFLICT (n) DO UPDATE SET at = '1', n = DEFAULT",
    "INSERT INTO timed (at, day) VALUES ('1', '1') ON CONFLICT (n) DO NOTHING",
    'INSERT INTO plain DEFAULT VALUES',
    'INSERT INTO unknown DEFAULT VALUES',
    'INSERT INTO other.both DEFAULT VALUES',
    "UPDATE timed SET at = '1', n = DEFAULT",
    'UPDATE timed SET (n, at) = ROW (1, 2)',
    'UPDATE timed SET n = (SELECT 1)',
    'DELETE FROM timed',
    'DELETE FROM hidden',
    'MERGE INTO plain USING t ON true WHEN NOT MATCHED THEN INSERT DEFAULT VALUES',
    'MERGE INTO other.both USING t ON true WHEN NOT MATCHED THEN INSERT DEFAULT VALUES',
    'SELECT * FROM timed, v',
  ])('but not in %s', async (text) => expect(await fills(text)).toBe(false))
  it('in whatever does not say where it writes to', async () => {
    const catalog = (await catalogOf(lines)) as Catalog
    const known = { sight: await sight(), catalog, table: () => undefined }
    expect(fillsInTime({ InsertStmt: {} }, known)).toBe(true)
    expect(fillsInTime({ InsertStmt: { relation: {} } }, known)).toBe(true)
  })
})

describe('what may see the time in a database', () => {
  const read = (rows: (string | null)[][], code?: string): Promise<Sight | undefined> =>
    Sight.read(async () => ({ rows, code }))
  it.each<[string, (string | null)[][], string?]>([
    ['where something is called without being named', [['t', null, null, null]]],
    ['where the server gives no answer', []],
    ['where the server refuses to say', [['f', null, null, null]], '42501'],
    ['where it answers with nothing', [[null, null, null, null]]],
  ])('is anything %s', async (_where, rows, code) => {
    expect(await read(rows, code)).toBeUndefined()
  })
  it('is nothing where the lists are empty', async () => {
    const nothing = (await read([['f', null, null, null]])) as Sight
    expect(nothing.sees(parser.read('SELECT f(a) FROM t')!)).toBe(false)
    expect(nothing.isView('t')).toBe(false)
  })
  it.each([
    'SELECT * FROM rel',
    'SELECT f(1)',
    'SELECT s.f(1)',
    'SELECT (a).f FROM t a',
    'SELECT * FROM s.rel',
    'UPDATE rel SET a = 1',
    'SELECT * FROM pg_stat_activity',
    'SELECT * FROM pg_timezone_names',
    'SELECT * FROM pg_prepared_xacts',
    'SELECT now() FROM t',
    'SELECT other.now()',
    'SELECT transaction_timestamp()',
    'SELECT timetz(a) FROM t',
    'SELECT pg_timezone_abbrevs()',
    "SELECT jsonb_path_query_tz(a, '$') FROM t",
    'SELECT age(a) FROM t',
    'SELECT CURRENT_DATE',
    'SELECT CURRENT_TIME',
    'SELECT CURRENT_TIMESTAMP(1)',
    'SELECT LOCALTIME',
    'SELECT LOCALTIMESTAMP',
    "SELECT 'now'",
    "SELECT 'tomorrow'::date",
    'SELECT a::timetz FROM t',
    'SELECT CAST(a AS time with time zone) FROM t',
    'SELECT a::text::timetz FROM t',
  ])('is seen in %s', async (text) => {
    expect((await sight(['rel'], ['f'])).sees(parser.read(text)!)).toBe(true)
  })
  it.each([
    'SELECT g(a) FROM t',
    'SELECT * FROM pg_class',
    'SELECT * FROM my_pg_stat',
    'SELECT age(a, b) FROM t',
    'SELECT age() FROM t',
    'SELECT clock_timestamp()',
    'SELECT CURRENT_USER, SESSION_USER, CURRENT_CATALOG',
    "SELECT 'nowhere', 1, NULL, true",
    'SELECT a::timestamptz::timetz FROM t',
    'SELECT a::timestamp FROM t',
    'SELECT nowish(a), renow(a), timetzs(a), jsonb_path_query(a) FROM t',
  ])('and not in %s', async (text) => {
    expect((await sight(['rel'], ['f'])).sees(parser.read(text)!)).toBe(false)
  })
})
