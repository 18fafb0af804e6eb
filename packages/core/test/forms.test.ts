import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { analyze } from '../src/sql/analyze.ts'
import { fits, formAt } from '../src/sql/forms.ts'
import { judge } from '../src/sql/judge.ts'
import { Lexer } from '../src/sql/lexer.ts'
import { nextStatement } from '../src/sql/splitter.ts'
import { type Statement, statementOf } from '../src/sql/statement.ts'

/** The judgement of a text of which nothing is known by its form. */
function anew(text: string): Statement {
  const lexer = new Lexer(text)
  const members = []
  while (!lexer.done) {
    const span = nextStatement(lexer)
    if (span !== undefined) members.push(judge(span))
  }
  return statementOf(members, lexer.ambiguous, lexer.idempotent)
}

const withoutText = (statement: Statement): unknown =>
  JSON.parse(JSON.stringify(statement), (key, value) => (key === 'text' ? '' : value))

const literal = fc.constantFrom(
  ...['1', '-2', '.5', '1e5', "'a'", "'it''s;'", "'f'", "'true'", "'off'", "'C:\\dir'", "'a\\\\'"],
  ...["'\\'", "e'a\\'b'", "N'x'", "U&'x'", '$1', '$22', '$$q;($$', "'a'\n'b'", "'--'", "'/*'"],
)
const value = fc.oneof(
  { weight: 4, arbitrary: literal },
  fc.constantFrom(
    ...['NULL', 'true', 'DEFAULT', "'x'::text", "'x'::app.t[]", "'x'::bit(3)", "'z' ::text"],
    ...['now()', 'gen_random_uuid()', "nextval('s')", 'f(1)', 'f()', 'generate_series(1, 2)'],
    ...["set_config('a', 'b', false)", "set_config('a', 'b', true)", 'a', 'x.y', '(1,2)', '1 + 1'],
    ...['array[1,2,3]', '(select 1)', '(select 1 where 1 in (1,2,3))', "interval '1' second(3)"],
    ...['pg_advisory_lock(1, 2)', 'pg_advisory_unlock(1, array[1,2][1])', 'pg_notify($1, $2)'],
  ),
)
/** Statements with places for values, for lists of them and for rows of them. */
const template = fc.constantFrom(
  ...[
    'insert into t values #',
    'insert into t (a, b) values # on conflict do nothing returning (a), @',
  ],
  ...['select @ from t where id in (@) limit 3', 'select @', 'values #', 'values # order by 1'],
  ...['update t set a = $ where id = $', 'delete from t where a = any(array[@])', 'call p(@)'],
  ...[
    'select set_config($, $, $), @',
    "select set_config('a.b', $, $)",
    'select #, set_config($, $, false)',
  ],
  ...[
    'select * from (values #) v(a, b), f(1), (values #) x',
    'execute p(@)',
    'set a = @',
    'load $',
  ],
  ...[
    'with x as (values #) delete from t where a in (@)',
    'explain (analyze $) insert into t values #',
  ],
  ...['explain analyze select @', 'prepare p as insert into t values #', 'prepare transaction $'],
  ...[
    'create function f() begin atomic insert into t values #; select case when a in (@) then 1 end; end',
  ],
  ...[
    'create table t as values #',
    'create table p partition of q for values in (@)',
    'do $',
    'begin',
  ],
  ...['select pg_advisory_lock($, case when 1 in (@) then 1 end)', 'select pg_advisory_unlock($)'],
  ...[
    'select f(@) -- $',
    '/* $ */ select $ for update',
    '/* reprise:idempotent */ select $',
    'commit',
  ],
)

/** A template with values in it; with `apart`, nothing in it can be passed over as one of many. */
const filled = (value: fc.Arbitrary<string>, apart: string) =>
  fc
    .tuple(
      fc.array(template, { minLength: 1, maxLength: 3 }),
      fc.infiniteStream(value),
      fc.infiniteStream(fc.nat({ max: 4 })),
    )
    .map(([templates, values, counts]) => {
      const next = () => values.next().value as string
      const list = (make: () => string) =>
        Array.from({ length: 1 + (counts.next().value as number) }, make)
      const fill = (mark: string, apart: string): string => {
        if (mark === '$') return apart + next()
        if (mark === '@')
          return list(next)
            .map((each) => apart + each)
            .join(', ')
        return list(() => `(${fill('@', apart)})`).join(',')
      }
      const parts = templates.join('; ').split(/([$@#])/)
      const filled = parts
        .map((part) => (/^[$@#]$/.test(part) ? fill(part, '\u0001') : part))
        .join('')
      return [filled.replaceAll('\u0001', ''), filled.replaceAll('\u0001', apart)] as const
    })

describe('what is passed over', () => {
  test('a text with many values is judged as if each had been looked at', () => {
    fc.assert(
      fc.property(filled(value, '/**/'), ([text, apart]) => {
        const [ours, every] = [withoutText(anew(text)), withoutText(anew(apart))]
        // How a lock is written is not known where something may have been left out of it.
        const locks = /"key":"advisory:[^"]*"/g
        // Of a text that is not closed, or may be read in two ways, nothing that it sets is gone by.
        const columns = /"column":\d+/g
        const known = (all: unknown): string => {
          const said = JSON.stringify(all).replace(locks, '"key":"advisory"')
          return said.includes('"ambiguous":true') ? said.replace(columns, '"column":0') : said
        }
        expect(known(ours)).toBe(known(every))
      }),
      { numRuns: 3000 },
    )
  })

  test('locks whose arguments were not all looked at are never taken for one another', () => {
    const lock = 'select pg_advisory_lock(1, (select 1 where 1 in (1, 2, 3)))'
    const unlock = 'select pg_advisory_unlock(1, (select 1 where 1 in (9, 2, 3)))'
    expect(analyze(lock).state[0]?.key).not.toBe(analyze(unlock).state[0]?.key)
    expect(analyze(lock).anchors).toBe(true)
    expect(analyze(unlock).anchors).toBe(true)
  })

  test('of a million values one is looked at', () => {
    for (const text of [
      `select * from t where id in (${"1, 'a', null, ".repeat(1000)}2)`,
      `select * from t where id = any(array[${"'a',".repeat(1000)}'b'])`,
      `insert into t values ${"(1, 'it''s', null, $1, 'x'::jsonb, now()),\n".repeat(1000)}(2)`,
    ]) {
      const lexer = new Lexer(text)
      lexer.next()
      expect(lexer.words.length).toBeLessThan(20)
    }
  })
})

describe('what is known by its form', () => {
  test('whatever was asked for before, a text gets the answer that it gets by itself', () => {
    fc.assert(
      fc.property(filled(fc.oneof(literal, value), ''), ([text]) => {
        expect(analyze(text)).toEqual(anew(text))
      }),
      { numRuns: 5000 },
    )
  })

  test('what fits a form has that form, and nothing else in it', () => {
    const fragment = fc.constantFrom(
      ...['a', 'e', '1', '22', '.', '-', '/', '*', "'", '"', ' ', '(', ')', ',', ';', '$', '$1'],
      ...[
        "'b'",
        "'c\\'",
        "''",
        '"d"',
        ' values ',
        '(1)',
        '(2,3),(4)',
        '--\n',
        '/*f*/',
        '$$',
        '=',
        '::int',
      ],
    )
    const pairs = fc.array(fc.tuple(fragment, fragment, fc.nat({ max: 3 })), { maxLength: 14 })
    let fitting = 0
    fc.assert(
      fc.property(pairs, (all) => {
        const one = all.map(([left]) => left).join('')
        const other = all.map(([left, right, other]) => (other === 0 ? right : left)).join('')
        const form = formAt(new Lexer(one))
        if (form === undefined || form.end < one.length) return
        for (const text of [one, other]) {
          const lexer = new Lexer(text)
          const found = formAt(new Lexer(text))
          const same = found?.written === form.written && found.end === text.length && found.inlined
          expect(fits(form, lexer)).toBe(same)
          if (same && text !== one) fitting += 1
        }
      }),
      { numRuns: 300_000 },
    )
    expect(fitting).toBeGreaterThan(300)
  })

  test('a comment that varies is no part of it, but one that says something is', () => {
    const traced = analyze("select a from b /*traceparent='00-1'*/")
    expect(analyze("select a from b /*traceparent='00-2'*/")).toBe(traced)
    expect(analyze('select a from b /* reprise:idempotent */').idempotent).toBe(true)
    expect(analyze('select a from b; /* reprise:idempotent */').idempotent).toBe(true)
  })

  test('a text of many statements has each of them', () => {
    const text = Array.from({ length: 1000 }, (_, i) => `insert into t values (${i}, 'a;');`).join(
      '\n',
    )
    expect(analyze(text)).toMatchObject({ count: 1000, kind: 'several', canCommit: false })
  })
})
