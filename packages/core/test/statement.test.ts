import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { analyze } from '../src/sql/analyze.ts'
import { harmless } from '../src/sql/functions.ts'
import { keywordCount } from '../src/sql/keywords.ts'
import type { Kind, Statement } from '../src/sql/statement.ts'

/** Fields by which two texts mean the same. */
const withoutText = (state: Statement['state']) =>
  state.map(({ key, effect, what }) => ({ key, effect, what }))
const meaning = ({ state, members, ...fields }: Statement) => ({
  ...fields,
  state: withoutText(state),
  members: members.map(({ savepoint, chains, state }) => [savepoint, chains, withoutText(state)]),
})
const changes = (text: string) => analyze(text).state.map(({ key, effect }) => `${effect} ${key}`)
const anchors = (text: string) =>
  analyze(text).state.flatMap(({ effect, what }) => (effect === 'anchor' ? [what] : []))

describe('lexing', () => {
  const counts: readonly (readonly [number, string, string])[] = [
    [0, 'nothing', ''],
    [0, 'white space', ' \t\r\n\f\v'],
    [0, 'semicolons alone', ' ; ;; '],
    [0, 'a line comment', '-- select 1;'],
    [0, 'a block comment', '/* select 1; */'],
    [0, 'nested comments', '/* a /* b; */ ; */'],
    [1, 'a trailing semicolon', 'select 1;'],
    [1, 'empty statements around one', ';; select 1 ;;'],
    [2, 'two statements', 'select 1; select 2'],
    [2, 'statements without a space', 'select 1;select 2;'],
    [1, 'a semicolon in a string', "select ';'"],
    [1, 'a doubled quote', "select 'it''s; fine'"],
    [2, 'a backslash, which is nothing in a plain string', "select 'a\\\\'; select 2"],
    [1, 'an escaped quote in E strings', "select E'it\\'s; fine'"],
    [2, 'an escaped backslash before the end of an E string', "select E'a\\\\'; select ''"],
    [1, 'a doubled quote in E strings', "select e'a''; b'"],
    [2, 'a name that ends in e before a string is no E string', "select type'a\\\\'; select ''"],
    [1, 'an E string that goes on in the next line', "select E'a'\n '\\'; b'"],
    [1, 'an E string that goes on behind a comment', "select E'a' -- x\n '\\'; b'"],
    [1, 'a unicode string', "select U&'\\0041;' uescape '!'"],
    [1, 'bit, hex and national strings', "select B'1;', X'1;', N';'"],
    [1, 'a quoted name', 'select ";" from "a"";b"'],
    [1, 'a unicode name', 'select U&"a;" from t'],
    [1, 'a quote in a quoted name', 'select "it\'s; fine"'],
    [1, 'dollar quotes', 'select $$;$$'],
    [1, 'tagged dollar quotes', 'select $a$; $$ $b$ ; $a$'],
    [1, 'the end of a dollar quote right behind another dollar', 'select $a$;$b$a$'],
    [2, 'a dollar inside a name', 'select a$b$; select c$b$'],
    [2, 'parameters', 'select $1; select $2'],
    [2, 'parameters side by side', 'select $1$2; select 2'],
    [2, 'a tag cannot begin with a digit', 'select $1a$; select $1a$'],
    [1, 'a tag beyond ASCII', 'select $ä$;$ä$'],
    [1, 'a dollar quote behind a number', 'select 1$$;$$'],
    [2, 'a line comment ends with the line', 'select 1 -- ;\n; select 2'],
    [2, 'a line comment ends with a carriage return', 'select 1 --;\r; select 2'],
    [1, 'a comment inside an operator', 'select 1 +--;\n 2'],
    [1, 'a block comment inside an operator', 'select 1 */* ; */ 2'],
    [2, 'a comment mark in a string', "select '/*'; select '*/'"],
    [2, 'a comment mark in a line comment', 'select 1 -- /*\n; select 2'],
    [1, 'a quote in a comment', "select 1 /* it's; */"],
    [2, 'minus and slash apart', 'select 1 - - 1; select 4 / * from t'],
    [2, 'casts and slices', "select '1'::int; select a[1:2]"],
    [
      1,
      'a rule of several commands',
      'create rule r as on insert to t do also (select 1; select 2)',
    ],
    [
      1,
      'a body of BEGIN ATOMIC',
      'create function f() returns int begin atomic select 1; select 2; end',
    ],
    [
      2,
      'CASE in a body of BEGIN ATOMIC',
      'create or replace procedure p() begin atomic select case when a then 1 end; select case x when 1 then (case when b then 2 end) end; end; select 1',
    ],
    [
      2,
      'reserved words as labels in a body of BEGIN ATOMIC',
      'create function f() begin atomic select 1 as end, t.case from t; select 2; end; select 1',
    ],
    [3, 'BEGIN outside a definition', 'begin; select 1; end'],
    [2, 'BEGIN ATOMIC outside a definition', 'begin atomic; select 1'],
    [1, 'a DO block', 'do $$ begin insert into t values (1); commit; end $$'],
  ]
  test.each(counts)('%i: %s', (count, _, text) => {
    expect(analyze(text)).toMatchObject({ count, ambiguous: false })
  })

  test.each([
    ['a string', "select 'a; select 2"],
    ['an E string whose end is escaped', "select E'a\\'; select 2"],
    ['a quoted name', 'select "a; select 2'],
    ['a comment', 'select 1 /* ; select 2'],
    ['a comment in a comment', 'select 1 /* /* */ ; select 2'],
    ['a dollar quote', 'select $a$; $$ ; $b$'],
    ['a parenthesis', 'select (1; select 2'],
    ['a body', 'create function f() begin atomic select 1; select 2;'],
  ])('%s that is not closed reaches to the end, and is ambiguous', (_, text) => {
    expect(analyze(text)).toMatchObject({
      count: 1,
      ambiguous: true,
      canCommit: true,
      commitsInside: true,
      reads: false,
      carriesWitness: false,
    })
  })

  test('what is open is still judged', () => {
    expect(analyze("insert into t values ('a")).toMatchObject({ verb: 'INSERT', kind: 'write' })
  })

  test.each([
    ["select 'a\\'", true],
    ["select 'a\\''", true],
    ["select N'a\\'; select 1", true],
    ["select 'a\\\\\\'", true],
    ["select 'a', 'b\\'' from t", true],
    ["select 'a\\\\'", false],
    ["select 'C:\\dir', '\\d+\\s', '{\"a\":\"\\\"\"}'", false],
    ["select E'a\\''", false],
    ["select U&'\\0041'", false],
    ["select B'\\'", false],
    ['select "a\\"', false],
    ["select $$'\\'$$", false],
    ["select 1 -- '\\'", false],
  ])('%s: whether servers can disagree on its strings is %s', (text, ambiguous) => {
    expect(analyze(text).ambiguous).toBe(ambiguous)
  })

  test.each(['select 1)', 'select 1\0', 'select (1))('])('%j is ambiguous', (text) => {
    expect(analyze(text).ambiguous).toBe(true)
  })

  test('only ASCII letters fold in keywords, as in PostgreSQL', () => {
    expect(analyze('SeLeCt 1').verb).toBe('SELECT')
    expect(analyze('ſelect 1')).toMatchObject({ verb: '', kind: 'other', canCommit: true })
    expect(analyze('lıſten x')).toMatchObject({ kind: 'other', state: [] })
  })

  test('no two keywords share a hash', () => {
    expect(keywordCount).toBe(494)
  })
})

describe('verb and kind', () => {
  const kinds: { readonly [K in Kind]: readonly string[] } = {
    empty: ['', ';', '-- x'],
    read: [
      'select 1',
      'SELECT * FROM t',
      'table t',
      'values (1), (2)',
      'show all',
      'explain delete from t',
      'explain (verbose, analyze false) delete from t',
      'with x as (select 1) select * from x',
      '(select 1) union (select 2)',
      '((select 1))',
      'select f(x) from t for update',
      'explain analyze select 1',
    ],
    write: [
      'insert into t values (1)',
      'update t set a = 1',
      'delete from t',
      'merge into t using s on t.a = s.a when matched then delete',
      'with x as (select 1) insert into t select * from x',
      'with x as (delete from t returning *) select * from x',
      'execute p(1)',
      'explain analyze delete from t',
    ],
    definition: [
      'create table t (a int)',
      'create table t as select 1',
      'select 1 into t',
      'alter table t add b int',
      'drop table t',
      'truncate t',
      'comment on table t is null',
      'grant select on t to a',
      'revoke select on t from a',
      'refresh materialized view v',
      'security label on table t is null',
      'import foreign schema a from server b into c',
      'reassign owned by a to b',
      'lock table t',
      'create database d',
    ],
    transaction: [
      'begin',
      'start transaction',
      'commit',
      'end',
      'rollback',
      'abort',
      'savepoint a',
      'release a',
      'rollback to a',
      "prepare transaction 'a'",
      "commit prepared 'a'",
      "rollback prepared 'a'",
    ],
    procedure: ['call p()', 'do $$ begin end $$'],
    state: [
      'set a = 1',
      'reset a',
      'listen a',
      'unlisten a',
      'prepare p as select 1',
      'prepare transaction as select 1',
      'deallocate p',
      'discard all',
      "load 'x'",
    ],
    cursor: ['declare c cursor for select 1', 'fetch c', 'move c', 'close c'],
    copy: ['copy t from stdin', 'copy (delete from t returning *) to stdout'],
    several: ['select 1; select 2', 'begin; commit'],
    other: [
      'vacuum',
      'analyze',
      'cluster',
      'reindex table t',
      'checkpoint',
      'notify a',
      'hello',
      '1',
    ],
  }
  const rows = Object.entries(kinds).flatMap(([kind, texts]) =>
    texts.map((text) => [kind, text] as const),
  )
  test.each(rows)('%s: %s', (kind, text) => {
    expect(analyze(text).kind).toBe(kind)
  })

  test.each([
    ['', ''],
    ['-- x', ''],
    ['select 1', 'SELECT'],
    ['/* x */ wItH x as (select 1) delete from t', 'WITH'],
    ['(select 1)', 'SELECT'],
    ['((with x as (select 1) select 2))', 'WITH'],
    ['explain analyze delete from t', 'EXPLAIN'],
    ['commit; select 1', 'COMMIT'],
    ['IDENTIFY_SYSTEM', 'IDENTIFY_SYSTEM'],
    ['base_backup', 'BASE_BACKUP'],
    ['"select" 1', ''],
    ["'select' 1", ''],
    ['$1', ''],
  ])('the verb of %j is %j', (text, verb) => {
    expect(analyze(text).verb).toBe(verb)
  })
})

describe('transactions', () => {
  const flags = (text: string) => {
    const { commits, rollsBack, chains, begins, endsTransaction } = analyze(text)
    return Object.entries({ commits, rollsBack, chains, begins, endsTransaction })
      .filter(([, set]) => set)
      .map(([flag]) => flag)
      .join(' ')
  }
  test.each([
    ['begin', 'begins'],
    ['BEGIN WORK', 'begins'],
    ['begin isolation level serializable read only', 'begins'],
    ['start transaction', 'begins'],
    ['start_replication slot a', ''],
    ['commit', 'commits endsTransaction'],
    ['COMMIT WORK;', 'commits endsTransaction'],
    ['commit transaction', 'commits endsTransaction'],
    ['end', 'commits endsTransaction'],
    ['commit and chain', 'commits chains endsTransaction'],
    ['end work and chain', 'commits chains endsTransaction'],
    ['commit and no chain', 'commits endsTransaction'],
    ['rollback', 'rollsBack endsTransaction'],
    ['abort', 'rollsBack endsTransaction'],
    ['rollback and chain', 'rollsBack chains endsTransaction'],
    ['rollback work and no chain', 'rollsBack endsTransaction'],
    ['rollback to a', ''],
    ['rollback to savepoint a', ''],
    ['rollback work to savepoint a', ''],
    ['rollback transaction to a', ''],
    ['savepoint a', ''],
    ['release savepoint a', ''],
    ["prepare transaction 'a'", 'endsTransaction'],
    ['prepare transaction as select 1', ''],
    ["commit prepared 'a'", ''],
    ["rollback prepared 'a'", ''],
    ['begin; select 1; commit', 'endsTransaction'],
    ['select 1; rollback', 'endsTransaction'],
    ['begin; select 1', ''],
    ['select 1; rollback to a', ''],
    ['create function f() begin atomic select 1; end', ''],
    ["select 'commit'", ''],
    ['select 1 as commit', ''],
  ])('%s: %s', (text, expected) => {
    expect(flags(text)).toBe(expected)
  })

  test.each([
    'create database d',
    'drop database d',
    "create tablespace s location '/x'",
    'drop tablespace s',
  ])('is one transaction, beside which nothing can stand: %s', (text) => {
    expect(analyze(text)).toMatchObject({ canCommit: false, carriesWitness: false })
  })

  test.each([
    ['call p()'],
    ['do $$ begin end $$'],
    ['vacuum t'],
    ['vacuum (full, analyze) t'],
    ['alter database d set tablespace s'],
    ['alter system set a = 1'],
    ['reindex table t'],
    ['reindex database d'],
    ['reindex (concurrently) index i'],
    ['create index concurrently i on t (a)'],
    ['create unique index concurrently i on t (a)'],
    ['drop index concurrently i'],
    ['alter table t detach partition p concurrently'],
    ['cluster'],
    ['cluster t using i'],
    ["commit prepared 'a'"],
    ["rollback prepared 'a'"],
    ["prepare transaction 'a'"],
    ['create subscription s connection $$x$$ publication p'],
    ['alter subscription s refresh publication'],
    ['drop subscription s'],
    ['base_backup'],
    ['create_replication_slot a logical b'],
    ['repack t'],
    ["copy t to program 'cat'"],
    ["copy (select 1 from t) to program 'cat' with (format csv)"],
    ["copy t (a) from program 'cat'"],
    ['hello'],
    ['(hello)'],
    ['begin; insert into t values (1); commit'],
    ['insert into t values (1); rollback; insert into t values (2)'],
    ['select 1; call p()'],
    ['select 1; vacuum'],
    ['explain analyze hello'],
    ['explain analyze explain analyze select 1'],
    ['explain analyze'],
  ])('in autocommit, some of it can be committed by itself: %s', (text) => {
    expect(analyze(text)).toMatchObject({ canCommit: true, carriesWitness: false })
  })

  test.each([
    ['insert into t values (1)'],
    ['select f()'],
    ['analyze t'],
    ['checkpoint'],
    ['create index i on t (a)'],
    ['create index "concurrently" on t (a)'],
    ['drop index i'],
    ['alter table t detach partition p'],
    ['alter table t attach partition p default'],
    ['alter database d set a = 1'],
    ['alter tablespace s rename to u'],
    ['refresh materialized view concurrently v'],
    ['truncate t'],
    ['copy t from stdin'],
    ['copy program from stdin'],
    ["copy t to 'program'"],
    ['execute p'],
    ['insert into t values (1); update t set a = 2'],
    ['explain analyze insert into t values (1)'],
    ['explain vacuum'],
    ['begin'],
    ['commit'],
    ['set a = 1'],
    [''],
  ])('in autocommit, it is committed as a whole, at its end: %s', (text) => {
    expect(analyze(text).canCommit).toBe(false)
  })

  test.each([
    ['commit', true],
    ['end', true],
    ["prepare transaction 'a'", true],
    ['insert into t values (1); commit', true],
    ['commit; begin', true],
    ['rollback; insert into t values (1)', true],
    ['rollback', false],
    ['insert into t values (1); rollback', false],
    ['rollback to a; insert into t values (1)', false],
    ['call p()', false],
    ['do $$ begin commit; end $$', false],
    ["commit prepared 'a'", false],
    ['insert into t values (1); insert into t values (2)', false],
    ['vacuum', false],
    ['', false],
  ])('inside a transaction, %j can commit: %s', (text, commitsInside) => {
    expect(analyze(text).commitsInside).toBe(commitsInside)
  })
})

describe('reads', () => {
  test.each([
    ['select 1'],
    ['table t'],
    ['values (1)'],
    ['show search_path'],
    ['explain update t set a = 1'],
    ['explain (format json) delete from t'],
    ['explain (select 1)'],
    ['select 1; select 2; show all'],
    ['(select 1 union select 2) order by 1'],
    ['with a as (select 1), b(x, y) as materialized (select * from a) select * from b'],
    [
      'with recursive a(n) as (values (1) union all select n + 1 from a) search depth first by n set o select * from a',
    ],
    ['with recursive a(n) as (select 1) cycle n set c using p table a'],
    ['select * from (with x as (select 1) select * from x) y'],
    ['select "for", "update" from t'],
    ['select "into" from "insert"'],
    ['select substring(a for 3) from t'],
    ["select overlay(a placing 'x' from 1 for 2)"],
    ["select 'x for update'"],
    ['select 1 -- for update'],
    ['select update, delete, insert, merge from t'],
    ['select count(delete), (update), (insert) from t'],
    ['with update as (select 1), delete(a) as (select 2) select * from update, delete'],
    ['select a.into, a.for from a'],
    ['select 1 as into'],
    ['select f(x)'],
    [''],
  ])('%s', (text) => {
    expect(analyze(text).reads).toBe(true)
  })
})

describe('what may write is no read', () => {
  test.each([
    ['select * from t for update'],
    ['select * from t for no key update of t nowait'],
    ['select * from t for share skip locked'],
    ['select * from t for key share'],
    ['select * from (select * from t for update) x'],
    ['with x as (select * from t for update) select * from x'],
    ['(select * from t) for update'],
    ['select * into u from t'],
    ['select a, b into temp u from t'],
    ['with x as (select 1) select * into u from x'],
    ['with x as (insert into t values (1) returning *) select * from x'],
    ['with x as (select 1), y as (update t set a = 1 returning *) table y'],
    ['with x as materialized (delete from t returning *) select * from x'],
    ['with x as not materialized (merge into t using s on true when matched then delete) select 1'],
    ['with x as (with y as (select 1) delete from t returning *) select 1'],
    ['with x as ((delete from t)) select 1'],
    ['with x as (select 1) delete from t'],
    ['with x as (select 1) (select 1 for update)'],
    ['(with x as (delete from t returning 1) select * from x)'],
    ['with recursive x(a) as (select 1) cycle a set c using p delete from t'],
    ['explain analyze select 1'],
    ['explain (analyze) select 1'],
    ['select 1; delete from t'],
    ['copy t to stdout'],
    ['execute p'],
    ['fetch c'],
    ['set a = 1'],
    ['hello'],
  ])('%s', (text) => {
    expect(analyze(text).reads).toBe(false)
  })
})

describe('functions', () => {
  test.each([
    ['select 1', ''],
    ['select f()', 'f'],
    ['select f (1), F(2), "F"(3), a.b.f(4)', 'f F'],
    ['select f/* x */(1)', 'f'],
    ['select count(*), lower(a), now(), coalesce(a, b), left(a, 1) from t', ''],
    ['select pg_catalog.lower(a), "lower"(a)', ''],
    ['select app.lower(a), "LOWER"(a)', 'lower LOWER'],
    ['select f(g(h(1)))', 'f g h'],
    ['select a from t where a in (1, 2) and b = any ($1) and not (c) or exists (select 1)', ''],
    ['select cast(a as varchar(10)), a::numeric(10, 2), a::vector(3), a::app.vector(3)', ''],
    ['select cast(a as vector(3)), timestamp(3) with time zone, char varying(3)', ''],
    ["select interval '1' second(3), bit(3) '101'", ''],
    ['select a over (b) from t', ''],
    ['select sum(a) filter (where b) over (partition by c order by (d)) from t', ''],
    ['select percentile_cont(0.5) within group (order by a) from t', ''],
    ['select case when (a) then (b) else (c) end', ''],
    ['select row(1), array(select 1), (1, 2)', ''],
    ['select a from t group by grouping sets ((a), ()), a', ''],
    ['select a from t group by rollup (a)', ''],
    ["select rollup('day')", 'rollup'],
    ['select delete(1), insert(2), filter(3)', 'delete insert filter'],
    ['select a from t join u using (a)', ''],
    ['select * from f(1)', 'f'],
    ['select * from f(1) as x(a, b), g(2) y(a)', 'f g'],
    ['select * from (values (1, 2)) as v(a, b)', ''],
    ['select * from (values (1, 2)) v(a, b)', ''],
    ['select * from t v(a, b)', ''],
    ['select * from f(1) with ordinality as x(a, n)', 'f'],
    ['select * from f(1) with ordinality x(a, n)', 'f'],
    ['select * from rows from (f(1), g(2)) as x(a, b)', 'f g'],
    ['select * from json_to_record($1) as x(a int, b vector(3), c varchar(2))', ''],
    ['select * from t tablesample system (10)', ''],
    ['select distinct on (a) f(b) from t', 'f'],
    ['select distinct on ((a)) f(b), c from t', 'f'],
    ['select distinct f(b) from t', 'f'],
    ['select a at time zone (b) from t fetch first (1) rows only', ''],
    ['select a operator(pg_catalog.+) b', ''],
    ['with x(a) as (select 1), y (b) as (select f(1)) select * from x', 'f'],
    ['with recursive x(a) as (select 1) select g() from x', 'g'],
    ['select (with x(a) as (select 1) select * from x)', ''],
    ['insert into t (a, b) values (1, f(2)) on conflict (a) do update set (b) = row(1)', 'f'],
    ['insert into s.t as u (a) select 1', ''],
    ['insert into "t" ("a") with x(a) as (select 1) select a from x', ''],
    ['update t set (a, b) = (1, 2) where f(a)', 'f'],
    ['merge into t using s on (a) when not matched then insert (a) values (g(1))', 'g'],
    ['delete from t using f(1) where a = $1', 'f'],
    ['select $1::text, upper($2)', ''],
    ['call app.p(f(1))', 'p f'],
    ['execute p(f(1))', 'f'],
    ['copy t (a) from stdin', ''],
    ['copy (select f(1)) to stdout', 'f'],
    ['explain select f(1)', ''],
    ['explain analyze select f(1)', 'f'],
    ['create table t (a varchar(3) default f(1))', ''],
    ['create table t as select f(1)', 'f'],
    ['declare c cursor for select f(1)', 'f'],
    ['select f(1); select g(1); select f(2)', 'f g'],
    [
      "select nextval('s'), setval('s', 1), set_config('a', 'b', true)",
      'nextval setval set_config',
    ],
    ['select pg_notify($1, $2), lo_unlink(1)', 'pg_notify lo_unlink'],
    ["select pg_advisory_xact_lock(1), dblink_exec('x')", 'pg_advisory_xact_lock dblink_exec'],
    ['select größe(1), ÄHM(2)', 'größe Ähm'],
    ['select U&"f"(1)', 'U&"f"'],
  ])('%s: %s', (text, names) => {
    expect(analyze(text).functions.join(' ')).toBe(names)
  })

  test('the harmless ones are sorted, lower case and without those that write', () => {
    const names = [...harmless]
    expect(names).toEqual([...names].sort())
    expect(names.every((name) => /^[a-z0-9_]+$/.test(name))).toBe(true)
    expect(
      names.filter((name) =>
        /^(nextval|setval|setseed|set_config|pg_notify|lo_|pg_(try_)?advisory|dblink|pg_terminate|pg_cancel|pg_reload|query_to|table_to|ts_stat|ts_rewrite)/.test(
          name,
        ),
      ),
    ).toEqual([])
  })
})

describe('the witness', () => {
  test.each([
    ['insert into t values (1)'],
    ['update t set a = 1'],
    ['delete from t'],
    ['merge into t using s on true when matched then delete'],
    ['with x as (delete from t returning *) select * from x'],
    ['with x as (select f()) select * from x'],
    ['select f()'],
    ["select nextval('s')"],
    ['select * from t for share'],
    ['select 1 into t'],
    ['execute p'],
    ['explain analyze delete from t'],
    ['explain analyze select 1'],
    ['create table t (a int)'],
    ['create function f() returns int begin atomic select 1; select 2; end'],
    ['alter table t add b int'],
    ['drop table t'],
    ['truncate t'],
    ["comment on table t is 'x'"],
    ['grant a to b'],
    ['revoke a from b'],
    ['refresh materialized view v'],
    ['security label on table t is null'],
    ['import foreign schema a from server b into c'],
    ['reassign owned by a to b'],
    ['lock table t'],
    ['notify a'],
  ])('rides on %s', (text) => {
    expect(analyze(text).carriesWitness).toBe(true)
  })

  test.each([
    ['select 1'],
    ['select count(*) from t'],
    ['with x as (select 1) select * from x'],
    ['show all'],
    ['explain delete from t'],
    ['insert into t values (1); insert into t values (2)'],
    ['copy t from stdin'],
    ['call p()'],
    ['do $$ begin end $$'],
    ['set a = 1'],
    ['declare c cursor for select f()'],
    ['fetch c'],
    ['listen a'],
    ['discard all'],
    ['prepare p as delete from t'],
    ['commit'],
    ['vacuum'],
    ['analyze'],
    ['create index concurrently i on t (a)'],
    [''],
  ])('does not ride on %s', (text) => {
    expect(analyze(text).carriesWitness).toBe(false)
  })

  test.each([
    ['notify a', true],
    ["select pg_notify('a', 'b')", true],
    ["select pg_catalog.pg_notify('a', 'b')", true],
    ["insert into t select pg_notify('a', 'b')", true],
    ['select 1; notify a', true],
    ["select app.pg_notify('a')", false],
    ['listen a', false],
    ['explain select pg_notify($1, $2)', false],
  ])('%s: it notifies, so having no xid proves nothing: %s', (text, notifies) => {
    expect(analyze(text).notifies).toBe(notifies)
  })
})

describe('session state', () => {
  const q = "select set_config($1, 'b', false)"
  test.each([
    ['set search_path = a', 'keep set:search_path'],
    ['set search_path to a, b', 'keep set:search_path'],
    ['SET Search_Path TO a', 'keep set:search_path'],
    ['set "Search_Path" = a', 'keep set:search_path'],
    ['set session search_path to a', 'keep set:search_path'],
    ['set app.user_id = 1', 'keep set:app.user_id'],
    ['set local search_path = a', ''],
    ['set local role a', ''],
    ['set local.a = 1', 'keep set:local.a'],
    ['set session.a = 1', 'keep set:session.a'],
    ['set search_path to default', 'drop set:search_path'],
    ['set search_path = default', 'drop set:search_path'],
    ['set transaction isolation level serializable', ''],
    ['set session transaction read only', ''],
    ["set transaction snapshot 'a'", ''],
    ['set transaction_isolation = serializable', ''],
    ['set constraints all deferred', ''],
    [
      'set session characteristics as transaction isolation level repeatable read, read write not deferrable',
      'keep set:default_transaction_isolation, keep set:default_transaction_read_only, keep set:default_transaction_deferrable',
    ],
    [
      'set session characteristics as transaction read only',
      'keep set:default_transaction_read_only',
    ],
    ["set time zone 'UTC'", 'keep set:timezone'],
    ["set time zone interval '1' hour", 'keep set:timezone'],
    ['set time zone local', 'drop set:timezone'],
    ['set time zone default', 'drop set:timezone'],
    ['set timezone = default', 'drop set:timezone'],
    ["set TimeZone to 'UTC'", 'keep set:timezone'],
    ["set session time zone 'UTC'", 'keep set:timezone'],
    ["set names 'UTF8'", 'keep set:client_encoding'],
    ['set names default', 'drop set:client_encoding'],
    ['set names', 'drop set:client_encoding'],
    ["set schema 'a'", 'keep set:search_path'],
    ['set xml option document', 'keep set:xmloption'],
    ['set role a', 'keep role'],
    ['set role none', 'keep role'],
    ['set session role a', 'keep role'],
    ['set role to a', 'keep role'],
    ['set role = default', 'drop role'],
    ['set session authorization a', 'keep authorization'],
    ['set session session authorization a', 'keep authorization'],
    ['set session authorization default', 'drop authorization'],
    ['set session_authorization = a', 'keep authorization'],
    ['set default_transaction_isolation = serializable', 'keep set:default_transaction_isolation'],
    ['reset search_path', 'drop set:search_path'],
    ['reset app.user_id', 'drop set:app.user_id'],
    ['reset role', 'drop role'],
    ['reset session authorization', 'drop authorization'],
    ['reset time zone', 'drop set:timezone'],
    ['reset transaction isolation level', ''],
    ['reset default_transaction_isolation', 'drop set:default_transaction_isolation'],
    ['reset all', 'clear set:*, clear config:*'],
    ['listen chan', 'keep listen:chan'],
    ['LISTEN Chan', 'keep listen:chan'],
    ['listen "Chan"', 'keep listen:Chan'],
    ['listen "a""b"', 'keep listen:a"b'],
    ['unlisten chan', 'drop listen:chan'],
    ['unlisten *', 'clear listen:*'],
    ['prepare p as select 1', 'keep prepare:p'],
    ['prepare P (int, varchar(3)) as select $1', 'keep prepare:p'],
    ['deallocate p', 'drop prepare:p'],
    ['deallocate prepare "P"', 'drop prepare:P'],
    ['deallocate all', 'clear prepare:*'],
    ['deallocate prepare all', 'clear prepare:*'],
    ['discard all', 'clear *'],
    ['discard temp', 'clear temp:*'],
    ['discard temporary', 'clear temp:*'],
    ['discard plans', ''],
    ['discard sequences', ''],
    ['close c', 'drop cursor:c'],
    ['close all', 'clear cursor:*'],
    ["select set_config('search_path', 'a', false)", 'keep set:search_path'],
    ["select set_config('Search_Path', $1, false)", 'keep set:search_path'],
    ["select pg_catalog.set_config('search_path', '', false)", 'keep set:search_path'],
    ["select set_config('role', $1, false)", 'keep role'],
    ["select set_config('app.a', concat($1, ',(')::text, $2)", 'keep set:app.a'],
    ['select set_config($1, $2, false) as a, 1 b', 'keep set:'],
    ["select set_config('a', 'b', true)", ''],
    ["select set_config('a', 'b', 't')", ''],
    ["select set_config('a', f(1, 2), 'true')", ''],
    ["select set_config('transaction_isolation', 'b', false)", ''],
    ["select set_config('a', 'b', false), set_config('c', 'd', false)", 'keep set:a, keep set:c'],
    [q, 'keep set:'],
    ["select app.set_config('a', 'b', false)", ''],
    ["explain select set_config('a', 'b', false)", ''],
    ['select pg_advisory_unlock_all()', 'clear advisory:*'],
    ['select pg_advisory_unlock( 1 )', 'drop advisory:1'],
    ['select pg_advisory_unlock_shared(1,2)', 'drop advisory:shared:1:,:2'],
    ['select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(2)', ''],
    ['set a = 1; set b = 2; reset a', 'keep set:a, keep set:b, drop set:a'],
    ['drop table x', ''],
    ['create table x (a int)', ''],
    ['select 1', ''],
    ['set', ''],
    ['reset', ''],
    ['listen', 'keep listen:'],
  ])('%s: %s', (text, expected) => {
    expect(changes(text).join(', ')).toBe(expected)
  })

  test.each([
    ['create temp table x (a int)', 'temp:x', 'a temporary table'],
    ['create temporary table if not exists "X" (a int)', 'temp:X', 'a temporary table'],
    ['create local temp table x as select 1', 'temp:x', 'a temporary table'],
    ['create global temporary table x (a int)', 'temp:x', 'a temporary table'],
    ['create table pg_temp.x (a int)', 'temp:x', 'a temporary table'],
    ['create table if not exists pg_temp.x (a int)', 'temp:x', 'a temporary table'],
    ['create temp view x as select 1', 'temp:x', 'a temporary view'],
    ['create or replace temp view x as select 1', 'temp:x', 'a temporary view'],
    ['create temp recursive view x (n) as select 1', 'temp:x', 'a temporary view'],
    ['create temp sequence x', 'temp:x', 'a temporary sequence'],
    ['create function pg_temp.x() returns int return 1', 'temp:x', 'a temporary object'],
    ['select 1 into temp x', 'temp:x', 'a temporary table'],
    ['select 1 as a into temporary table x from t', 'temp:x', 'a temporary table'],
    ['select 1 into pg_temp.x', 'temp:x', 'a temporary table'],
    ['explain analyze create temp table x as select 1', 'temp:x', 'a temporary table'],
    ['select pg_advisory_lock(1)', 'advisory:1', 'a session advisory lock'],
    ['select pg_advisory_lock_shared(1, 2)', 'advisory:shared:1:,:2', 'a session advisory lock'],
    ['select pg_try_advisory_lock(1)', 'advisory:1', 'a session advisory lock'],
    ['select pg_try_advisory_lock_shared(1)', 'advisory:shared:1', 'a session advisory lock'],
    ['insert into t select pg_advisory_lock(1)', 'advisory:1', 'a session advisory lock'],
    ['create table t as select pg_advisory_lock(1)', 'advisory:1', 'a session advisory lock'],
    ['declare c cursor with hold for select 1', 'cursor:c', 'a WITH HOLD cursor'],
    ['declare "C" no scroll cursor with hold for select 1', 'cursor:C', 'a WITH HOLD cursor'],
    ["load 'auto_explain'", "load:'auto_explain'", 'a loaded library'],
  ])('%s anchors the session: %s, %s', (text, key, what) => {
    expect(analyze(text).state).toEqual([{ key, effect: 'anchor', what, text }])
  })

  test.each([
    ['declare c cursor for select 1'],
    ['declare c cursor without hold for select 1'],
    ['create table x as select * from pg_temp.y'],
    ['create unlogged table x (a int)'],
    ['create view temp as select 1'],
    ['select 1 into unlogged x'],
    ['select temp from t'],
  ])('%s does not', (text) => {
    expect(analyze(text).state).toEqual([])
  })

  test.each([
    "insert into t select set_config('a', 'b', false)",
    "with x as (delete from t) select set_config('a', 'b', false)",
    "select set_config('a', 'b', false) into t",
    "copy (select set_config('a', 'b', false)) to stdout",
    "select set_config('a', 'b', not true)",
    "select set_config('a', 'b', false) from t",
    "select set_config('a' || 'b', 'c', false)",
    "select lower(set_config('a', 'b', false))",
    "select set_config('a', 'b', false) || 'c'",
    "select *, set_config('a', 'b', false)",
    "select 1 union select set_config('a', 'b', false)",
    "declare c cursor for select set_config('a', 'b', false)",
    "execute p(set_config('a', 'b', false))",
    "call p(set_config('a', 'b', false))",
    "create table t as select set_config('a', 'b', false)",
  ])('a setting whose value nobody sees is an anchor: %s', (text) => {
    expect(anchors(text)).toEqual(['a setting that was made out of sight'])
  })

  test('a setting is found in the answer, whatever stands beside it', () => {
    const columns = (text: string): unknown[] => analyze(text).state.map(({ setting }) => setting)
    expect(columns("select f(1, 2), set_config('a', f(3, 4), false) as x, 1")).toEqual([
      { column: 1, name: undefined, local: undefined },
    ])
    expect(columns('select set_config($2, $1, $3), pg_catalog.set_config($4, $5, false)')).toEqual([
      { column: 0, name: 1, local: 2 },
      { column: 1, name: 3, local: undefined },
    ])
  })

  test('what a prepared statement will do when nobody sees it is said beforehand', () => {
    expect(changes('prepare p as select pg_advisory_lock($1)')).toEqual([
      'keep prepare:p',
      'anchor advisory:$1',
    ])
    expect(changes("prepare p as select set_config('a', $1, false)")).toEqual([
      'keep prepare:p',
      'anchor config:a',
    ])
  })

  test.each([
    'prepare p as select pg_advisory_unlock(1), pg_advisory_unlock_all()',
    'declare c cursor for select pg_advisory_unlock(1), pg_advisory_unlock_all()',
    'execute p(pg_advisory_unlock(1), pg_advisory_unlock_all())',
    'call p(pg_advisory_unlock(1), pg_advisory_unlock_all())',
    'copy (select pg_advisory_unlock(1), pg_advisory_unlock_all()) to stdout',
  ])('a lock is not let go of where nobody sees when, or whether: %s', (text) => {
    expect(changes(text).filter((change) => !change.startsWith('keep prepare'))).toEqual([])
  })

  test('each change brings its own statement', () => {
    const { state } = analyze("insert into t values (1); set a = ';'; /* x */ listen b ;")
    expect(state.map(({ text }) => text)).toEqual(["set a = ';'", 'listen b'])
    expect(analyze("explain analyze select set_config('a', 'b', false) ;").state).toMatchObject([
      { text: "explain analyze select set_config('a', 'b', false)" },
    ])
  })
})

describe('properties', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        ...[
          "'",
          '"',
          '$',
          '$$',
          '$a$',
          '/*',
          '*/',
          '--',
          '\n',
          '\r',
          ';',
          '(',
          ')',
          '\\',
          'E',
          'U&',
        ],
        ...[
          'select',
          'with',
          'as',
          'insert into',
          'for update',
          'begin atomic',
          'case',
          'end',
          'set',
        ],
        ...[
          'create',
          'temp',
          'table',
          'explain',
          'analyze',
          'prepare',
          'declare',
          'copy',
          'x',
          '.',
        ],
        ...[
          'set_config',
          'local',
          'session',
          'reset',
          'commit',
          'and chain',
          ',',
          '::',
          ':',
          '1',
          '$1',
        ],
        ...['ä', '\u00a0', '\ud800', '\0', ' ', '=', '-', '/', '*', '[', ']', '1.5e-3', '..'],
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    ),
    { maxLength: 60 },
  )
  const text = fc
    .tuple(pieces, fc.constantFrom('', ' '))
    .map(([parts, separator]) => parts.join(separator))

  test('analyze never throws, and answers any text alike twice', () => {
    fc.assert(
      fc.property(text, (sql) => {
        const first = analyze(sql)
        expect(first.count).toBeGreaterThanOrEqual(0)
        // Once from the cache, once without it: a comment at the end makes another text.
        expect(analyze(sql)).toEqual(first)
      }),
      { numRuns: 5000 },
    )
  })

  test('depth is no danger', () => {
    for (const deep of [
      '(',
      ')',
      '[',
      '/*',
      'explain ',
      'explain analyze ',
      'with a as (',
      'f(',
      'a.',
    ]) {
      expect(() => analyze(deep.repeat(50_000))).not.toThrow()
    }
  })

  test('inside a comment, anything means nothing', () => {
    fc.assert(
      fc.property(text, (sql) => {
        const line = `select 1 --${sql.replaceAll(/[\r\n\0]/g, ' ')}\n`
        expect(meaning(analyze(line))).toEqual(meaning(analyze('select 1')))
        const inner = sql.replaceAll(/\*|\/|\0/g, ' ')
        expect(meaning(analyze(`/*${inner}*/ select 1`))).toEqual(meaning(analyze('select 1')))
      }),
    )
  })

  test('a whole text in dollar quotes is one value', () => {
    fc.assert(
      fc.property(text, (sql) => {
        const inner = sql
          .replaceAll('$q$', '')
          .replaceAll('\0', '')
          .replace(/\$(q\$?)?$/, '')
        expect(meaning(analyze(`select $q$${inner}$q$`))).toEqual(meaning(analyze("select ''")))
      }),
    )
  })

  test('a whole text in quotes is one value or one name', () => {
    fc.assert(
      fc.property(text, (sql) => {
        const plain = sql.replaceAll(/[\0\\]/g, '')
        const string = `select '${plain.replaceAll("'", "''")}'`
        expect(meaning(analyze(string))).toEqual(meaning(analyze("select ''")))
        const escaped = sql.replaceAll('\0', '').replaceAll('\\', '\\\\').replaceAll("'", "\\'")
        expect(meaning(analyze(`select E'${escaped}'`))).toEqual(meaning(analyze("select ''")))
        const name = `select "${sql.replaceAll('\0', '').replaceAll('"', '""')}"`
        expect(meaning(analyze(name))).toEqual(meaning(analyze('select ""')))
      }),
    )
  })

  const simple = fc.constantFrom(
    'select 1',
    "insert into t values (';')",
    'update t set a = $$;$$',
    'delete from "a;b" /* ; */',
    'begin',
    'commit',
    'select case when a then 1 end',
    'create function f() returns int begin atomic select case when a then 1 end; select 2; end',
    "select E'\\';'",
    'set a = 1',
    'do $$ begin commit; end $$',
  )

  test('n statements are n, whatever stands between them', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(simple, fc.constantFrom(';', ' ; ', ';;', ';\n', ';-- ;\n', '/* ; */;')),
          {
            maxLength: 12,
          },
        ),
        (parts) => {
          const { count, ambiguous, state } = analyze(parts.flat().join(''))
          expect({ count, ambiguous }).toEqual({ count: parts.length, ambiguous: false })
          expect(state.length).toBe(parts.filter(([sql]) => sql.startsWith('set')).length)
        },
      ),
    )
  })

  test('the case of keywords and the white space between tokens do not matter', () => {
    fc.assert(
      fc.property(simple, fc.constantFrom(' ', '\n', '\t ', '/**/', ' -- x\n'), (sql, space) => {
        const upper = sql.replaceAll(
          /\b(select|insert|update|create|begin|commit|end|case)\b/g,
          (w) => w.toUpperCase(),
        )
        expect(meaning(analyze(upper))).toEqual(meaning(analyze(sql)))
        if (/['$"]/.test(sql)) return
        expect(meaning(analyze(sql.replaceAll(' ', space)))).toEqual(meaning(analyze(sql)))
      }),
    )
  })
})

describe('the order of rows', () => {
  test.each([
    'select * from t',
    'table t',
    'select id from t where a = 1 limit 3',
    'select id from t for update skip locked',
    "select 'order by' from t -- order by",
    'update t set a = 1 returning id',
    'delete from t returning id',
    'with q as (select 1) select * from q',
    'select sum(a) over (partition by b) from t',
  ])('is free: %s', (text) => expect(analyze(text).orderFree).toBe(true))
  test.each([
    'select * from t order by a',
    'select * from (select * from t order by a) q',
    'select array_agg(a order by b) from t',
    'select row_number() over (order by a) from t',
    'values (1), (2)',
    'insert into t values (1), (2) returning id',
    'insert into t select * from u returning id',
    'merge into t using u on true when matched then delete returning id',
    'select 1 union all select 2',
    'select 1 intersect select 2',
    'select 1 except select 2',
    'with recursive q as (select 1) select * from q',
    'select a, sum(b) from t group by rollup (a)',
    'select a, sum(b) from t group by cube (a)',
    'select a, sum(b) from t group by grouping sets ((a), ())',
    'select * from unnest($1) with ordinality',
    'select * from generate_series(1, 3)',
    "select * from json_table($1, '$' columns (a int))",
    "select * from xmltable('/' passing $1 columns a int)",
    'select f(a) from t',
    'select s.lower(a) from t',
    'select 1; select 2',
    'fetch all from c',
    'execute p',
    'show all',
    'explain select * from t',
    'explain analyze select * from t',
    "select * from t where a = '\\' -- '",
    'create table t as select 1',
  ])('is not: %s', (text) => expect(analyze(text).orderFree).toBe(false))
})
