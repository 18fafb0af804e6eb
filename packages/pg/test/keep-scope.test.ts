import { analyze } from '@reprise/core'
import { describe, expect, it } from 'vitest'
import {
  isCandidate,
  isTimeless,
  learnt,
  redefines,
  renames,
  sees,
  touchesSequence,
} from '../src/keep/keep-scope.ts'
import { speaks } from '../src/keep/keep-sight.ts'
import { instantForm } from '../src/keep/keep-time.ts'
import { isOrderFree } from '../src/keep/order.ts'
import { builtin, sameTree, some, words } from '../src/keep/tree.ts'
import { exchange, report } from './answers.ts'
import { answered, parser } from './keep-scripted.ts'

/** Registers a test for each text: which of them a rule is true of. */
function tells(
  rule: (text: string) => boolean,
  yes: readonly string[],
  no: readonly string[],
): void {
  it.each(yes)('%s', (text) => expect(rule(text)).toBe(true))
  it.each(no)('and not %s', (text) => expect(rule(text)).toBe(false))
}

describe('a value to be kept may be in', () => {
  tells(
    (text) => isCandidate(exchange(text)),
    [
      'INSERT INTO t VALUES (1)',
      "SELECT nextval('s')",
      'UPDATE t SET a = DEFAULT',
      'SELECT gen_random_uuid()',
      'SELECT uuidv4()',
      'SELECT uuidv7()',
      'SELECT uuid_generate_v1mc()',
      'SELECT now()',
      'SELECT CURRENT_TIMESTAMP',
      'SELECT localtime',
      'SELECT transaction_timestamp()',
      "SELECT 'today'::date",
      "SELECT 'Tomorrow'::date",
      'SELECT age (a) FROM t',
      'SELECT a::time with time zone FROM t',
      'SELECT a::time (3) with time zone FROM t',
      'SELECT a::timetz FROM t',
    ],
    [
      'SELECT 1',
      'SELECT known FROM t',
      'UPDATE t SET page = 1',
      'CREATE TABLE t (at timestamptz DEFAULT now())',
      'INSERT INTO t VALUES (1); SELECT 1',
      "INSERT INTO t VALUES ('a\\'')",
      'COPY t FROM STDIN',
    ],
  )
  it('but not where it has failed', () => {
    const error = report('23505')
    expect(isCandidate(exchange('INSERT INTO t VALUES (1)', { error }))).toBe(false)
  })
  it('nor where it is no text', () => {
    expect(isCandidate(exchange('SELECT now()', { text: undefined }))).toBe(false)
  })
})

describe('a table may be another after', () => {
  tells(
    (text) => redefines(exchange(text)),
    [
      'CREATE TABLE t (a int)',
      'ALTER TABLE t ADD a int',
      'DROP TABLE t',
      'DO $$BEGIN END$$',
      'CALL p()',
      'COPY t FROM STDIN',
      'IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c',
      'REINDEX TABLE t',
      'SOMETHING NEW',
      'SELECT 1; CREATE TABLE t (a int)',
      'SELECT 1; DO $$BEGIN END$$',
      'SELECT 1; CALL p()',
      'SELECT 1; EXECUTE p',
    ],
    [
      'SELECT 1',
      'INSERT INTO t VALUES (1)',
      'EXECUTE p',
      'SELECT 1; SELECT 2',
      'SET a.b = 1',
      'SAVEPOINT s',
      'ANALYZE t',
      'ANALYSE t',
      'CHECKPOINT',
      "COMMENT ON TABLE t IS 'a'",
      'GRANT SELECT ON t TO u',
      'LOCK TABLE t',
      'NOTIFY a',
      'REVOKE SELECT ON t FROM u',
      'TRUNCATE t',
    ],
  )
  it('but not after what is no text', () => {
    const several = exchange('SELECT 1; CREATE TABLE t ()', { text: undefined })
    expect(redefines(several)).toBe(false)
  })
})

describe('nothing is evaluated by', () => {
  tells(
    (text) => isTimeless(analyze(text)),
    [
      '',
      'BEGIN',
      'SAVEPOINT s',
      'SET a.b = 1',
      'FETCH 1 FROM c',
      'CLOSE c',
      'LOCK TABLE t',
      'NOTIFY a',
      'GRANT SELECT ON t TO u',
      "COMMENT ON TABLE t IS 'a'",
      'ANALYZE t',
    ],
    [
      'SELECT 1',
      'INSERT INTO t VALUES (1)',
      'DECLARE c CURSOR FOR SELECT 1',
      'TRUNCATE t',
      'CREATE TABLE t AS SELECT 1',
      'CALL p()',
      'COPY t FROM STDIN',
      'SELECT 1; SELECT 2',
      'REFRESH MATERIALIZED VIEW v',
    ],
  )
})

describe('a name may lead to another table after', () => {
  tells(
    (text) => renames(exchange(text)),
    ['SET search_path = a', "SELECT set_config('Search_Path', 'a', true)"],
    ['SET path = a', 'SET my_search_path_of = 1', 'SELECT 1'],
  )
  it('but not after what is no text', () => {
    expect(renames(exchange('SET search_path = a', { text: undefined }))).toBe(false)
  })
})

describe('which number was drawn last is asked by', () => {
  const asking = ["SELECT currval('s')", 'SELECT LASTVAL()', 'EXECUTE p']
  tells((text) => sees(exchange(text)), asking, ["SELECT nextval('s')", "SELECT setval('s', 1)"])
  it('nobody where there is no text', () => {
    expect(sees(exchange('SELECT lastval()', { text: undefined }))).toBe(false)
    expect(touchesSequence(exchange("SELECT setval('s', 1)", { text: undefined }))).toBe(false)
  })
  describe('and where a sequence stands matters to', () => {
    tells(
      (text) => touchesSequence(exchange(text)),
      [
        ...asking,
        "SELECT setval('s', 1)",
        'ALTER SEQUENCE s RESTART',
        'TRUNCATE t RESTART IDENTITY',
      ],
      ["SELECT nextval('s')", 'SELECT restarted FROM t'],
    )
  })
})

describe('an instant that every server reads the same way', () => {
  tells(
    (text) => instantForm.test(text),
    [
      '2026-01-02 03:04:05.678901+00',
      '2026-01-02T03:04:05.678901+00:00',
      '2026-01-02 03:04:05-05:30',
      '12026-01-02 03:04:05.1+05:30:15',
    ],
    [
      '2026-01-02 03:04:05',
      '01/02/2026 03:04:05+00',
      '2026-01-02 03:04:05.1234567+00',
      '2026-01-02 03:04:05+00 BC',
      'x2026-01-02 03:04:05+00',
      'infinity',
      '26-01-02 03:04:05+00',
      '2026-01-02 03:04:05+00:00:00:00',
    ],
  )
})

describe('when a transaction began is learnt', () => {
  const time = '2026-01-02 03:04:05.5+00'
  it.each([
    ['now()', [time], time],
    ['pg_catalog.now()', [time], time],
    ['transaction_timestamp()', [time], time],
    ['CURRENT_TIMESTAMP', [time], time],
    ['1, now()', ['1', time], time],
    ['now()', ['02.01.2026 03:04:05'], undefined],
    ['now()', [null], undefined],
    ['now()::text', [time], undefined],
    ['CURRENT_TIMESTAMP(2)', [time], undefined],
    ['CURRENT_DATE', [time], undefined],
    ['clock_timestamp(), now() AS a, 1', [time, null, '1'], undefined],
    ['other.now()', [time], undefined],
    ['now(1)', [time], undefined],
    ["'now', 1", [time, '1'], undefined],
    ['*, now()', ['1', '2020-01-01 00:00:00+00', time], undefined],
  ])('from SELECT %s that answered %j: %s', (list, row, expected) => {
    expect(learnt([answered(`SELECT ${list}`, [], row)], parser)).toBe(expected)
  })
  it('from the first that told it', () => {
    const tape = [
      exchange('BEGIN'),
      answered('SELECT now() FROM t'),
      exchange('SELECT now()', { taped: undefined }),
      answered('SELECT 1', [], [time]),
      answered("SELECT f('now')", [], [time]),
      answered('INSERT INTO t VALUES (1) RETURNING now()', [], ['2020-01-01 00:00:00+00']),
      answered('SELECT now()', [], [time]),
      answered('SELECT now()', [], ['2020-01-01 00:00:00+00']),
    ]
    expect(learnt(tape, parser)).toBe(time)
    expect(learnt(tape.slice(0, 6), parser)).toBeUndefined()
  })
})

describe('a value that would mean a time of today', () => {
  tells(
    speaks,
    [
      'now',
      'TODAY',
      ' tomorrow 12:00 ',
      'yesterday allballs',
      '{now,2020-01-01}',
      '["now"]',
      `{"a":"${'x '.repeat(99)}","b":"now"}`,
      `${'word '.repeat(30)} (  today,1)`,
    ],
    [
      'nowhere',
      'the one to the other now and then',
      `${'word '.repeat(30)} now`,
      `${'1'.repeat(130)} now`,
      '2020-01-01',
    ],
  )
  it.each([[undefined], [null], [7], [['now']]])('is none but a text: %s', (value) => {
    expect(speaks(value)).toBe(false)
  })
  it.each([
    ['a b c now', true],
    ['a b c d now', false],
    [`now${' '.repeat(125)}`, true],
    [`now${' '.repeat(126)}`, false],
  ])('is as short as the server reads: %j', (value, expected) => {
    expect(speaks(value)).toBe(expected)
  })
})

describe('rows may come in another order', () => {
  const asks: unknown[] = []
  const free = (text: string, how: object = {}, answer: string | null = 'f', code?: string) => {
    asks.length = 0
    return isOrderFree(exchange(text, how), async (_question, values) => {
      asks.push(...(values ?? []))
      return { rows: answer === null ? [] : [[answer]], code }
    })
  }
  it('where nothing in the text and nothing in the catalog gives them one', async () => {
    expect(await free('SELECT a FROM t')).toBe(true)
    expect(asks).toEqual(['SELECT a FROM t'])
    expect(await free('SELECT a FROM t', {}, 't')).toBe(false)
  })
  it('but not where the server does not say so', async () => {
    expect(await free('SELECT a FROM t', {}, null)).toBe(false)
    expect(await free('SELECT a FROM t', {}, 'f', '42501')).toBe(false)
  })
  it.each([
    ['in a text that sorts', 'SELECT a FROM t ORDER BY a', {}],
    ['of what failed', 'SELECT a FROM t', { error: report('22012') }],
    ['where a name is written with escapes', 'SELECT a FROM U&"\\0061"', {}],
    ['where it is so in small letters', 'SELECT a FROM u&"\\0061"', {}],
  ])('and nobody is asked %s', async (_what, text, how) => {
    expect(await free(text, how)).toBe(false)
    expect(asks).toEqual([])
  })
  it('and a quote in a name is looked for as it is', async () => {
    await free('SELECT a FROM "t""t"')
    expect(asks).toEqual(['SELECT a FROM "t"t"'])
    await free('SELECT 1', { text: undefined })
    expect(asks).toEqual([''])
  })
})

describe('PostgreSQL’s parser', () => {
  it.each([
    '',
    'SELECT 1; SELECT 2',
    'SELECT',
    'no statement',
    '-- nothing',
    `SELECT '${'x'.repeat(256 * 1024)}'`,
  ])('reads one statement and nothing else: not %.30s', (text) => {
    const tree = parser.read(text)
    if (text === 'SELECT') expect(tree).toEqual({ SelectStmt: expect.anything() })
    else expect(tree).toBeUndefined()
  })
  it('reads as much as a text may be long', () => {
    const room = 256 * 1024 - "SELECT ''".length
    expect(parser.read(`SELECT '${'x'.repeat(room)}'`)).toBeDefined()
    expect(parser.read(`SELECT '${'x'.repeat(room + 1)}'`)).toBeUndefined()
  })
  it.each(['1, 2', '', '1; SELECT 2', '*', 'FROM t'])('reads one expression: not %j', (text) => {
    const read = parser.readExpression(text)
    if (text === '*') expect(read).toEqual({ ColumnRef: expect.anything() })
    else expect(read).toBeUndefined()
  })
  it('writes what it reads, and nothing that would mean something else', () => {
    const tree = parser.read("SELECT 'ü'::text, $1 FROM t")!
    const written = parser.write(tree)!
    expect(sameTree(parser.read(written), tree)).toBe(true)
    expect(parser.write({ SelectStmt: { targetList: [{ Nothing: {} }] } } as never)).toBeUndefined()
    expect(parser.write({} as never)).toBeUndefined()
    // It would be written without its limit's kind, which is not the same.
    const { SelectStmt } = tree
    expect(parser.write({ SelectStmt: { ...SelectStmt, more: 1 } } as never)).toBeUndefined()
  })
})

describe('a tree', () => {
  const one = parser.read('SELECT  a.b ,1 FROM t')!
  it('is one with another that stands elsewhere in its text', () => {
    expect(sameTree(one, parser.read('SELECT a.b, 1\nFROM t'))).toBe(true)
    expect(sameTree({ a: undefined, b: 1 }, { b: 1 })).toBe(true)
    expect(sameTree({ stmt_len: 1, version: 2, list_start: 3, list_end: 4 }, {})).toBe(true)
  })
  it.each<[unknown, unknown]>([
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [{ a: 1, b: 1 }, { a: 1 }],
    [{ a: 1 }, { a: 2 }],
    [{ a: [] }, { a: {} }],
    [{ a: {} }, { a: null }],
    [{ a: null }, { a: {} }],
    [{ a: {} }, { a: 'x' }],
    [{ a: 'x' }, { a: {} }],
    [{ a: undefined }, { b: undefined, c: 1 }],
    [
      { a: 1, c: undefined },
      { a: 1, b: 2 },
    ],
    [[1], [1, 2]],
    [{ versions: 1 }, {}],
    [{ stmt_lens: 1 }, {}],
    [{ list_starts: 1 }, {}],
    [{ locations: 1 }, {}],
    [{ my_stmt_len: 1 }, {}],
    [{ subversion: 1 }, {}],
    [undefined, {}],
    [{}, undefined],
  ])('is not another: %j and %j', (a, b) => {
    expect(sameTree(a, b)).toBe(false)
  })
  it('is looked through until something is found', () => {
    const seen: unknown[] = []
    const found = some({ a: { b: 1 }, c: { d: 2 }, e: { f: 3 } }, (node) => {
      seen.push(node)
      return 'd' in node
    })
    expect(found).toBe(true)
    expect(seen).toHaveLength(3)
    expect(some(null, () => true)).toBe(false)
    expect(some('text', () => true)).toBe(false)
    expect(some({ a: [1, 'x', null] }, () => false)).toBe(false)
  })
  it.each([
    ['now()', 'now'],
    ['pg_catalog.now()', 'now'],
    ['other.now()', undefined],
    ['a.pg_catalog.now()', undefined],
    ['pg_catalog.now.x()', undefined],
  ])('names a function of PostgreSQL’s own: %s', (text, name) => {
    expect(builtin(parser.readExpression(text)!.FuncCall!)).toBe(name)
  })
  it('has words, and nothing in the place of a star', () => {
    expect(words(parser.readExpression('a.b.*')!.ColumnRef!.fields)).toEqual(['a', 'b', ''])
    expect(words(undefined)).toEqual([])
  })
})
