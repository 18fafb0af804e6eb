import { Session } from 'node:inspector/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { analyze } from '../src/sql/analyze.ts'
import { leavingsOf } from '../src/sql/source.ts'

/** What is repeated, alone and inside something else. */
const repeated = [
  ...['(', ')', '[', '/*', '*/', '*', '--', "'", "''", '"', '$', '$$', '$a$', '$a ', ';', ','],
  ...['\\', "\\'", "E'", "'\n", "'a'\n", "'a' -- x\n", '::', '.', '..', '1', '1,', "'a',", '-1,'],
  ...[
    'a',
    'a.',
    'f(',
    'f(),',
    'now(),',
    '$1,',
    'null,',
    '(1,',
    '(1),',
    '(1, f()),',
    '(1,2),(f()),',
  ],
  ...[
    'in (1,',
    'in (1,2,3) or ',
    'array[',
    "'a'::b,",
    'case ',
    'end ',
    '(select ',
    'union select ',
  ],
  ...[
    'with a as (',
    'distinct on (',
    'values (1),(',
    'é',
    '\n',
    '1e',
    '0x',
    '/* */',
    '--\n',
    "U&'",
  ],
  ...['set_config(', "set_config('a', ", "set_config('a', 'b', false), ", 'set_config(a, b, c), '],
  ...['pg_advisory_lock(', 'pg_advisory_lock(1), ', 'pg_advisory_unlock(a, ', "nextval('a'), "],
  ...['explain ', 'explain analyze ', 'begin atomic ', 'create function f() begin atomic '],
]
const statements = [
  ...['select 1', 'select f(1)', 'insert into t values (1)', 'set a = 1', 'reset a', 'listen a'],
  ...['alter table t add c int', 'alter database d set a = 1', 'drop index i', 'savepoint a'],
  ...['create table t (a int)', 'create temp table t (a int)', 'prepare p as select 1', 'call p()'],
  ...[
    'declare c cursor with hold for select 1',
    'do $$ begin end $$',
    "select set_config('a', 'b', false)",
  ],
  ...['set session characteristics as transaction read only', 'begin', 'commit', 'hello', ''],
]
/** Every one is another. */
const numbered: readonly (readonly [string, (i: number) => string])[] = [
  ['functions', (i) => `f${i}(), `],
  ['names', (i) => `n${i}, `],
  ['dollar tags', (i) => `$t${i}$ `],
  ['statements', (i) => `1; insert into t${i} values (1); select `],
  ['settings', (i) => `1; set a${i} = 1; select `],
]

const session = new Session()

beforeAll(async () => {
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
})

afterAll(() => session.disconnect())

/** How often the blocks of the judgement's code were entered meanwhile. */
async function workOf(text: string): Promise<number> {
  await session.post('Profiler.takePreciseCoverage')
  analyze(text)
  leavingsOf(text)
  const { result } = await session.post('Profiler.takePreciseCoverage')
  let work = 0
  for (const script of result.filter(({ url }) => url.includes('/core/src/'))) {
    for (const { ranges } of script.functions) for (const { count } of ranges) work += count
  }
  return work
}

const pieces = 250
const many = (piece: (i: number) => string, count: number): string =>
  Array.from({ length: count }, (_, i) => piece(i)).join('')
let texts = 0
/** No text is asked after twice, since answers are kept. */
const another = (text: string): string => `-- ${texts++}\n${text}`

describe('eight times the text is about eight times the work', () => {
  test.each([
    ...repeated.map((piece) => [piece, () => piece] as const),
    ...statements.map((text) => [`${text};`, () => `${text};`] as const),
    ...numbered,
  ])('%j again and again', async (_, piece) => {
    for (const [before, behind] of [
      ['', ''],
      ['select ', ''],
      ['insert into t values (1, ', ')'],
      ['create rule r as on insert to t do (', ')'],
    ]) {
      const once = await workOf(another(`${before}${many(piece, pieces)}${behind}`))
      const eightfold = await workOf(another(`${before}${many(piece, 8 * pieces)}${behind}`))
      // A square would be 64 times as much. Forms are only kept of short texts: twice is nothing yet.
      expect(eightfold / once, before).toBeLessThan(20)
    }
  })
})
