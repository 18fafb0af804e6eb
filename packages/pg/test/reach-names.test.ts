import { analyze } from '@reprise/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Names, Reach, worse } from '../src/catalog/reach.ts'

const mapOf = (names: Readonly<Record<string, boolean>> = {}): ReadonlyMap<string, boolean> =>
  new Map(Object.entries(names))
const reachOf = (names: {
  f?: Record<string, boolean>
  r?: Record<string, boolean>
  w?: Record<string, boolean>
  anywhere?: boolean | undefined
  defining?: boolean | undefined
}): Reach =>
  new Reach({
    f: mapOf(names.f),
    r: mapOf(names.r),
    w: mapOf(names.w),
    anywhere: names.anywhere,
    defining: names.defining,
  })
const of = (reach: Reach, text: string) => reach.of(analyze(text), text)

/** Made anew for each statement: what it found for one is kept. */
const some = (): Reach =>
  reachOf({
    f: { setter: false, hider: true, größe: false, 'odd one': false, 'a"b': true },
    r: { seen: false, veiled: true, 'odd seen': false },
    w: { written: false, kept: true, 'odd written': true },
  })

describe('a statement reaches', () => {
  it.each([
    ['a function', 'SELECT setter(1)', 'askable'],
    ['in capitals', 'SELECT SETTER(1)', 'askable'],
    ['quoted', 'SELECT "setter"(1)', 'askable'],
    ['by its schema', 'SELECT app.setter(1)', 'askable'],
    ['both quoted', 'SELECT "app"."setter" (1)', 'askable'],
    ['before spaces', 'SELECT setter   \n (1)', 'askable'],
    ['before more spaces than anybody looks at', `SELECT setter${' '.repeat(90)}(1)`, 'askable'],
    ['before a comment', 'SELECT setter /* ( */ (1)', 'askable'],
    ['before the comment of a line', 'SELECT setter -- x\n (1)', 'askable'],
    ['as an attribute', 'SELECT (x).setter FROM t AS x', 'askable'],
    ['as an attribute behind a comment', 'SELECT x. /* y */ setter FROM t AS x', 'askable'],
    [
      'as an attribute behind the comment of a line',
      'SELECT x. -- y\n setter FROM t AS x',
      'askable',
    ],
    ['as an attribute behind a return', 'SELECT x. -- y\r"setter" FROM t AS x', 'askable'],
    ['as an attribute far behind', `SELECT x.${' '.repeat(90)}setter FROM t AS x`, 'askable'],
    ['as a quoted attribute far behind', `SELECT x.${' '.repeat(90)}"setter" FROM t`, 'askable'],
    ['as a quoted attribute', 'SELECT x."setter" FROM t AS x', 'askable'],
    ['with letters of its own', 'SELECT GRÖSSE(1), größe(2)', 'askable'],
    ['that leaves what has no name', 'SELECT hider(1)', 'unnamed'],
    ['the worse of two', 'SELECT setter(1), hider(1)', 'unnamed'],
    ['the worse of two, whichever is first', 'SELECT hider(1), setter(1)', 'unnamed'],
    ['an odd name', 'SELECT "odd one"(1)', 'askable'],
    ['an odd name with a quote', 'SELECT "a""b"(1)', 'unnamed'],
    ['a view', 'SELECT * FROM seen', 'askable'],
    ['a quoted view', 'TABLE app."seen"', 'askable'],
    ['a view whose name is odd', 'TABLE "odd seen"', 'askable'],
    ['a view in a write', 'DELETE FROM t USING seen', 'askable'],
    ['a table that is written to', 'INSERT INTO written VALUES (1)', 'askable'],
    ['one whose name is odd', 'INSERT INTO "odd written" VALUES (1)', 'unnamed'],
    ['the worse of a view and a table', 'INSERT INTO kept TABLE seen', 'unnamed'],
    ['one that is written to in a WITH', 'WITH x AS (DELETE FROM kept) SELECT 1', 'unnamed'],
    ['one of several statements', 'SELECT 1; SELECT setter(1)', 'askable'],
    ['whatever there is, by an escaped name', 'SELECT U&"s\\0065tter"(1)', 'unnamed'],
    ['whatever there is, in a very long text', `SELECT 1 ${'-- x\n'.repeat(20_000)}`, 'unnamed'],
    ['no function that is not called', 'SELECT setter FROM t', 'nothing'],
    ['no function that is not called, on its own line', 'SELECT\n  setter\nFROM t', 'nothing'],
    [
      'no function that is not called, in a long text with dots, quotes and calls',
      `SELECT t."a",\n /* x */ ${'t.column, '.repeat(20)} setter, ${'lower(t."b"), '.repeat(20)} 1`,
      'nothing',
    ],
    ['no function whose name goes on', 'SELECT setters(1), resetter(1), setter_(1)', 'nothing'],
    ['no table that is only read', 'SELECT * FROM written', 'nothing'],
    ['nothing by a name that is not there', 'SELECT other(1) FROM another', 'nothing'],
    ['nothing by a name at the end', 'SELECT a AS setter', 'nothing'],
  ])('%s', (_what, text, expected) => {
    expect(of(some(), text)).toBe(expected)
  })

  it.each([
    ['asked after', false, 'askable'],
    ['of no name', true, 'unnamed'],
  ])('what is called without a name, whatever it says: %s', (_what, anywhere, expected) => {
    const all = reachOf({ f: { setter: false }, anywhere })
    expect([of(all, 'SELECT 1'), of(all, 'SELECT setter(1)')]).toEqual([expected, expected])
    expect([all.empty, all.worst]).toEqual([false, expected])
    expect(reachOf({ anywhere }).empty).toBe(false)
  })

  it('nothing where there is nothing to be reached', () => {
    const none = reachOf({})
    expect([none.empty, none.worst, of(none, 'SELECT setter(1)')]).toEqual([
      true,
      'nothing',
      'nothing',
    ])
  })

  it.each([
    ['functions', { f: { a: true } }],
    ['relations that are read', { r: { a: true } }],
    ['relations that are written to', { w: { a: true } }],
  ])('at worst what the worst of its %s does', (_what, names) => {
    expect([reachOf(names).worst, reachOf(names).empty]).toEqual(['unnamed', false])
    expect(reachOf({ f: { b: false }, ...names }).worst).toBe('unnamed')
    expect(reachOf({ f: { b: false } }).worst).toBe('askable')
  })
})

describe('an event trigger is reached', () => {
  it.each([
    ['CREATE TABLE t (a int)', true],
    ['alter table t add b int', true],
    ['GRANT SELECT ON t TO PUBLIC', true],
    ['COMMENT ON TABLE t IS NULL', true],
    ['SELECT 1 AS a INTO t', true],
    ['EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1', true],
    ['REINDEX TABLE t', true],
    ['SELECT 1; DROP TABLE t', true],
    ['DO $$BEGIN DROP TABLE t; END$$', true],
    ["SELECT '\\' DROP TABLE t --'", true],
    ['SELECT 1', false],
    ['SELECT f()', false],
    ['INSERT INTO t VALUES (1)', false],
    ['CALL f()', true],
    ['COPY t FROM STDIN', false],
    ['BEGIN; SET a = 1; COMMIT', false],
  ])('by %s: %s', (text, fires) => {
    for (const defining of [false, true]) {
      const reach = reachOf({ defining })
      expect(reach.empty).toBe(false)
      expect(reach.worst).toBe(defining ? 'unnamed' : 'askable')
      expect(of(reach, text)).toBe(fires ? reach.worst : 'nothing')
    }
  })
})

describe('what was known covers what is found', () => {
  const names = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.boolean(), {
    noNullPrototype: true,
  })
  const reaches = fc.record({
    f: names,
    r: names,
    w: names,
    anywhere: fc.option(fc.boolean(), { nil: undefined }),
    defining: fc.option(fc.boolean(), { nil: undefined }),
  }) as fc.Arbitrary<
    { [kind in 'f' | 'r' | 'w']: Record<string, boolean> } & Pick<Names, 'anywhere' | 'defining'>
  >

  it('only where no statement reaches more by it', () => {
    const texts = ['a', 'b', 'c'].flatMap((name) => [
      `SELECT ${name}(1)`,
      `SELECT * FROM ${name}`,
      `INSERT INTO ${name} DEFAULT VALUES`,
    ])
    texts.push('SELECT 1', 'CREATE TABLE t (a int)')
    fc.assert(
      fc.property(reaches, reaches, (before, after) => {
        const [known, found] = [reachOf(before), reachOf(after)]
        const more = texts.some(
          (text) => worse(of(known, text), of(found, text)) !== of(known, text),
        )
        if (known.covers(found)) expect(more).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['the same', {}, true],
    ['another function', { f: { a: false, x: false } }, false],
    ['a function that hides more', { f: { a: true } }, false],
    ['another view', { r: { b: false, x: false } }, false],
    ['another table', { w: { c: true, x: false } }, false],
    ['a table that hides less', { w: { c: false } }, true],
    ['what is called anywhere', { anywhere: false }, false],
    ['an event trigger', { defining: false }, false],
  ])('%s: %s', (_what, change, covered) => {
    const known = { f: { a: false }, r: { b: false }, w: { c: true } }
    expect(reachOf(known).covers(reachOf({ ...known, ...change }))).toBe(covered)
  })

  it('by whatever is called anywhere and has no name', () => {
    expect(reachOf({ anywhere: true }).covers(reachOf({ f: { a: true } }))).toBe(true)
    expect(reachOf({ anywhere: false }).covers(reachOf({ anywhere: true }))).toBe(false)
    expect(reachOf({ anywhere: false }).covers(reachOf({ anywhere: false }))).toBe(true)
    expect(reachOf({ anywhere: false }).covers(reachOf({}))).toBe(true)
  })

  it('by an event trigger that is there still', () => {
    expect(reachOf({ defining: true }).covers(reachOf({ defining: false }))).toBe(true)
    expect(reachOf({ defining: false }).covers(reachOf({ defining: true }))).toBe(false)
    expect(reachOf({ defining: false }).covers(reachOf({ defining: false }))).toBe(true)
    expect(reachOf({ defining: false }).covers(reachOf({}))).toBe(true)
  })
})
