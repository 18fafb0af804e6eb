import { describe, expect, test } from 'vitest'
import { analyze } from '../src/sql/analyze.ts'

describe('savepoints', () => {
  test.each([
    ['savepoint a', 'set', 'a'],
    ['savepoint "A b"', 'set', 'A b'],
    ['savepoint savepoint', 'set', 'savepoint'],
    ['release a', 'release', 'a'],
    ['release savepoint A', 'release', 'a'],
    ['release savepoint', 'release', 'savepoint'],
    ['rollback to a', 'back', 'a'],
    ['rollback to savepoint a', 'back', 'a'],
    ['rollback to savepoint', 'back', 'savepoint'],
    ['rollback work to "A"', 'back', 'A'],
    ['abort transaction to savepoint a', 'back', 'a'],
  ])('%s: %s %s', (text, act, name) => {
    expect(analyze(text).members[0]?.savepoint).toEqual({ act, name })
    expect(analyze(`${text}; select 1`).members[0]?.savepoint).toEqual({ act, name })
  })
  test.each(['savepoint', 'release', 'rollback to', 'commit', 'select 1'])(
    '%s speaks of none',
    (text) => {
      expect(analyze(text).members[0]?.savepoint).toBe(undefined)
      expect(analyze(`${text}; x`).members[0]?.savepoint).toBe(undefined)
    },
  )
})

describe('EXPLAIN does what its statement does', () => {
  test.each([
    'explain analyze delete from t',
    'explain analyse delete from t',
    'explain analyze verbose delete from t',
    'explain verbose analyze delete from t',
    'explain (analyze) delete from t',
    'explain (analyse) delete from t',
    'explain ("analyze") delete from t',
    'explain (analyze, costs off) delete from t',
    'explain (costs off, analyze) delete from t',
    'explain (analyze 1) delete from t',
    'explain (analyze 10) delete from t',
    "explain (analyze 'on') delete from t",
    'explain (analyze on, verbose) delete from t',
    "explain (analyze, format 'off') delete from t",
  ])('with ANALYZE: %s', (text) => {
    expect(analyze(text)).toMatchObject({ kind: 'write', reads: false, carriesWitness: true })
  })
  test.each([
    'explain delete from t',
    'explain verbose delete from t',
    'explain (verbose) delete from t',
    'explain ("verbose") delete from t',
    'explain (analyze off) delete from t',
    'explain (analyze false) delete from t',
    'explain (analyze 0) delete from t',
    "explain (analyze 'off') delete from t",
    "explain (analyze 'FALSE') delete from t",
    "explain (analyze '0') delete from t",
    'explain (verbose) select t.analyze from t',
    'explain (select t.analyze from t)',
    'explain ((select t.analyze from t))',
    'explain (with t as (select 1) select t.analyze from t)',
    'explain (with t as (select t.analyze from t) select 1)',
    'explain (values ((select t.analyze from t)))',
    'explain (table s.analyze)',
  ])('not without: %s', (text) => {
    expect(analyze(text)).toMatchObject({ kind: 'read', reads: true, carriesWitness: false })
  })
  test.each([
    ['explain analyze create table x as select 1', true],
    ['explain analyze select 1', true],
    ['explain analyze declare c cursor for select 1', false],
  ])('%s: a witness can ride on it: %s', (text, carriesWitness) => {
    expect(analyze(text).carriesWitness).toBe(carriesWitness)
  })
  test.each(['explain analyze', 'explain analyze explain delete from t'])(
    '%s may do anything',
    (text) => {
      expect(analyze(text)).toMatchObject({ kind: 'other', canCommit: true })
    },
  )
})

describe('what stands in parentheses', () => {
  test.each(['(select 1)', '(values (1))', '(table t)', '(with x as (select 1) select * from x)'])(
    'is a query: %s',
    (text) => {
      expect(analyze(text)).toMatchObject({ kind: 'read', reads: true, canCommit: false })
    },
  )
  test.each(['(delete from t)', '(set a = 1)', '(commit)', '(', '(('])(
    'or anything: %s',
    (text) => {
      expect(analyze(text)).toMatchObject({ kind: 'other', canCommit: true })
    },
  )
})

describe('the words that promise something', () => {
  test('nothing is promised of an empty text but that it reads and passes', () => {
    expect(analyze('')).toMatchObject({
      chains: false,
      notifies: false,
      functions: [],
      guardable: false,
      passing: true,
    })
  })
  test.each(['savepoint a', 'set a = 1', 'begin', 'release a; set a = 1'])('%s passes', (text) => {
    expect(analyze(text).passing).toBe(true)
  })
  test.each(["commit prepared 'a'", "prepare transaction 'a'", 'commit; set a = 1', 'select 1'])(
    '%s does not',
    (text) => {
      expect(analyze(text).passing).toBe(false)
    },
  )
  test.each(['start a', 'start'])('START begins nothing but a transaction: %s', (text) => {
    expect(analyze(text)).toMatchObject({ kind: 'other', begins: false, canCommit: true })
  })
  test('ANALYSE is ANALYZE', () => {
    expect(analyze('analyse t')).toMatchObject({ kind: 'other', canCommit: false })
  })
})

describe('what a session keeps', () => {
  const changes = (text: string) =>
    analyze(text)
      .state.map(({ key, effect }) => `${effect} ${key}`)
      .join(', ')
  test.each([
    ['set schema default', 'drop set:search_path'],
    ['set transaction_read_only = on', ''],
    ['set transaction_deferrable = on', ''],
    ['set search_path = local', 'keep set:search_path'],
    ['reset session.a', 'drop set:session.a'],
    ['reset time.a', 'drop set:time.a'],
    ['deallocate prepare', 'drop prepare:prepare'],
    ['deallocate', 'drop prepare:'],
    ['deallocate p; select 1', 'drop prepare:p'],
    ['close', ''],
    ['fetch c', ''],
    ['declare c cursor without hold for select 1', ''],
    ['declare c cursor for with hold as (select 1) select * from hold', ''],
    ['set a.b.c = 1', 'keep set:a.b.c'],
    ['set a; select 1', 'drop set:a'],
    ['set seed = 0.5', 'anchor seed:'],
    ['select setseed(0.5)', 'anchor seed:'],
    ["select set_config('seed', '0.5', false)", 'anchor seed:'],
    ["select set_config('a.b', 'c', false, 1)", 'anchor config:a.b'],
    ["select set_config(a, 'c', false) from t", 'anchor config:'],
    ["select set_config('a.b')", 'anchor config:a.b'],
    ['select set_config()', 'anchor config:'],
    ["select set_config('a.b', 'c', true and $1)", 'anchor config:a.b'],
    ["select set_config('a.b', 'c', false or $1)", 'anchor config:a.b'],
    ["select set_config('a.b', 'c', 'true' = $1)", 'anchor config:a.b'],
    ["select set_config('a.b', 'c', $1 or true)", 'anchor config:a.b'],
    ["select set_config('a.b', 'c', x)", 'anchor config:a.b'],
    ["select set_config('a.b', 'c', E'true')", 'anchor config:a.b'],
    ["select set_config('a.b', 'c', E'false')", 'anchor config:a.b'],
    ["select set_config('a.b', 'c', ' true ')", ''],
    ["select set_config('a.b', 'c', ' OFF ')", 'keep set:a.b'],
    ["select set_config('a.b', 'c', 'x')", 'anchor config:a.b'],
    ["select set_config('a b', 'c', false)", 'anchor config:'],
    ["select set_config(E'a.b', 'c', false)", 'anchor config:'],
    ["select set_config('a.b' || x, 'c', false)", 'anchor config:'],
    ["select set_config($1 || 'a.b', 'c', false)", 'anchor config:'],
    ["select set_config('a.b', (array['c', 'd'])[1], false)", 'keep set:a.b'],
    ["select set_config('a.b', array_to_string(array['c', 'd'], $1), true)", ''],
    [`select set_config('a.b', f(1${'+1'.repeat(200)}), true)`, 'anchor config:a.b'],
    ['select pg_advisory_lock(f(1), 2)', 'anchor advisory:f:(:1:):,:2'],
    ['select pg_advisory_lock(1), pg_advisory_lock(2)', 'anchor advisory:1, anchor advisory:2'],
    [`select pg_advisory_lock(1${'+1'.repeat(200)})`, 'anchor advisory:'],
    [`select pg_advisory_unlock(1${'+1'.repeat(200)})`, 'drop advisory:some'],
    ['set schema to x', 'keep set:schema'],
    ['set names to x', 'keep set:names'],
    ['create table app.x (a int)', ''],
    ['create table pg_temp (a int)', ''],
    ['create temp table if (a int)', 'anchor temp:if'],
    ['create temp table if not exists x (a int)', 'anchor temp:x'],
    ['create table x as select pg_advisory_unlock(1)', ''],
    ['create materialized view x as select pg_advisory_lock(1)', 'anchor advisory:1'],
    ['create view x as select pg_advisory_lock(1)', ''],
  ])('%s: %s', (text, expected) => {
    expect(changes(text)).toBe(expected)
  })
  test.each([
    [
      'isolation level repeatable read, read write not deferrable',
      ['isolation level repeatable read', 'read write', 'not deferrable'],
    ],
    ['isolation level serializable, read only', ['isolation level serializable', 'read only']],
    ['deferrable read only', ['deferrable', 'read only']],
  ])('each mode of its transactions by itself: %s', (modes, each) => {
    const text = `set session characteristics as transaction ${modes}`
    expect(analyze(`${text}; select 1`).state.map((change) => change.text)).toEqual(
      each.map((mode) => `SET SESSION CHARACTERISTICS AS TRANSACTION ${mode}`),
    )
  })
})

describe('what a text promises when it is sent', () => {
  const promises = (text: string) => {
    const { canCommit, carriesWitness, guardable, notifies, orderFree, outward, reads } =
      analyze(text)
    const all = { canCommit, carriesWitness, guardable, notifies, orderFree, outward, reads }
    return Object.entries(all)
      .flatMap(([name, is]) => (is ? [name] : []))
      .join(' ')
  }

  test.each([
    ['', 'reads'],
    ['select 1', 'guardable orderFree reads'],
    ['select f() from t', 'carriesWitness guardable reads'],
    ['select a from t order by a', 'guardable reads'],
    ['show all', 'guardable reads'],
    ['explain select f()', 'guardable reads'],
    ['select pg_notify($1, $2)', 'carriesWitness notifies reads'],
    ["select setval('s', 1)", 'carriesWitness outward reads'],
    ["select f(), setval('s', 1)", 'carriesWitness outward reads'],
    ["select dblink('x')", 'carriesWitness outward reads'],
    ['select f(), lo_unlink(1)', 'carriesWitness reads'],
    ['select 1; select 2', 'reads'],
    ["select 'a", 'canCommit'],
    ['select a from t for update', 'carriesWitness orderFree'],
    ['insert into t values (1)', 'carriesWitness'],
    ['notify c', 'carriesWitness notifies'],
    ['truncate t', 'carriesWitness'],
    ['set a = 1', ''],
    ['begin', ''],
    ['commit', ''],
    ['savepoint a', ''],
    ["prepare transaction 'a'", 'canCommit'],
    ["commit prepared 'a'", 'canCommit'],
    ['prepare p as select 1', ''],
    ['declare c cursor for select 1', ''],
    ['fetch c', ''],
    ['copy t from stdin', ''],
    ['checkpoint', ''],
    ['analyze', ''],
    ['call p()', 'canCommit'],
    ['execute p', 'carriesWitness'],
    ['vacuum', 'canCommit'],
    ['drop table t', 'carriesWitness'],
    ['drop database d', ''],
    ['create table t (a int)', 'carriesWitness'],
    ['create table concurrently (a int)', 'carriesWitness'],
    ['alter table t add column concurrently int', 'carriesWitness'],
    ['alter table t detach partition p', 'carriesWitness'],
    ['alter database d rename to e', 'carriesWitness'],
    ['create materialized view v as select pg_notify($1, $2)', 'carriesWitness notifies'],
    ['create view v as select pg_notify($1, $2)', 'carriesWitness'],
    ['create index concurrently i on t (a)', 'canCommit'],
  ])('%s: %s', (text, expected) => {
    expect(promises(text)).toBe(expected)
  })

  test.each([
    ['create table t as select f()', ['f']],
    ['create unlogged table t as select f()', ['f']],
    ['create materialized view v as select f()', ['f']],
    ['create view v as select f()', []],
    ['create table t (a, b) as select f()', ['f']],
    ['create table t (a int generated always as (f()) stored)', []],
    ['create table t (a) with (fillfactor = 70) as select f(), (select g())', ['f', 'g']],
    ['create foreign table t (a int) server s', []],
    ['create function g() returns int return f()', []],
  ])('%s: it calls %j', (text, functions) => {
    expect(analyze(text)).toMatchObject({ verb: 'CREATE', functions })
  })

  test.each([
    ['select 1', false],
    ['/* reprise:idempotent */ select 1', true],
    ["/* reprise:idempotent */ select 'a", false],
  ])('%s: it may be executed again on its author’s word: %s', (text, idempotent) => {
    expect(analyze(text).idempotent).toBe(idempotent)
  })
})
