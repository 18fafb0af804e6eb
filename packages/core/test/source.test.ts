import { describe, expect, test } from 'vitest'
import { leavesUnseen, leavingsOf } from '../src/sql/source.ts'

const nothing: readonly (readonly [string, string])[] = [
  ['a query', 'SELECT a + 1 FROM t WHERE b = $1'],
  ['a trigger', 'BEGIN NEW.at := now(); RETURN NEW; END'],
  ['UPDATE SET', 'BEGIN UPDATE t SET a = 1 WHERE b; RETURN NULL; END'],
  ['UPDATE of an alias', 'BEGIN UPDATE ONLY s.t AS x SET a = 1; END'],
  ['UPDATE of a quoted name', 'UPDATE "T" SET a = 1'],
  ['ON CONFLICT', 'INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2'],
  ['MERGE', 'MERGE INTO t USING s ON a = b WHEN MATCHED THEN UPDATE SET a = 1'],
  ['SET LOCAL', "BEGIN SET LOCAL app.who = 'x'; END"],
  ['a local set_config', "BEGIN PERFORM set_config('app.who', new.id::text, true); END"],
  ['a local set_config of a call', "SELECT pg_catalog.set_config('a.b', coalesce(x, ')'), TRUE)"],
  ['one that is named local', "SELECT set_config('a.b', x, is_local => true)"],
  ['a lock of the transaction', 'BEGIN PERFORM pg_advisory_xact_lock(1); END'],
  ['a word in a string', "BEGIN RAISE NOTICE 'SET x = 1; LISTEN y'; END"],
  ['a word in a comment', 'BEGIN -- SET x = 1;\n RETURN; /* LISTEN y */ END'],
  [
    'a list of constants',
    "BEGIN PERFORM set_config('a.b', 'x', true); IF a IN ('x', 'y', 'z') THEN RETURN; END IF; END",
  ],
  ['columns with the names of commands', 'BEGIN NEW.temp := OLD.prepare + NEW."listen"; END'],
  ['constraints', 'BEGIN SET CONSTRAINTS ALL DEFERRED; END'],
  ['CREATE TRIGGER', 'CREATE TRIGGER t AFTER INSERT ON x EXECUTE FUNCTION f()'],
  ['CREATE TRIGGER as it was', 'CREATE TRIGGER t AFTER INSERT ON x EXECUTE PROCEDURE f()'],
  ['GRANT EXECUTE', 'GRANT EXECUTE ON FUNCTION f() TO x'],
  ['SET TRANSACTION', 'BEGIN SET TRANSACTION READ ONLY; END'],
  ['names that only begin or end like another', 'SELECT my_setseed(1), set_limits(), dodblink()'],
  ['names that have a lock in them', 'SELECT my_pg_advisory_lock(1), pg_advisory_locks()'],
  ['one that is named local without spaces', "SELECT set_config('a.b', x, is_local=>true)"],
  ['one that is named local in the old way', "SELECT set_config('a.b', x, is_local := TRUE)"],
  ['a local one of an element', "SELECT set_config('a.b', x[1], true)"],
  ['a local one of an array', "SELECT set_config('a.b', f(ARRAY['x', 'y']), true)"],
]

const leaving: readonly (readonly [string, string, string[]])[] = [
  ['set_config', "BEGIN PERFORM set_config('App.Who', x, false); END", ['app.who']],
  ['set_config as long as a variable says', "SELECT set_config('a.b', x, y)", ['a.b']],
  ['set_config with a comma in a string', "SELECT set_config('a.b', ', true)', false)", ['a.b']],
  ['set_config of what is local in part', "SELECT set_config('a.b', 'x', true AND y)", ['a.b']],
  ['a quoted set_config', `SELECT "set_config"('a.b', 'x', false)`, ['a.b']],
  ['a body in SQL', "RETURN set_config('a.b'::text, 'x'::text, false)", ['a.b']],
  ['an UPDATE that sets', "BEGIN UPDATE pg_catalog.pg_settings SET setting = 'x'; END", []],
  ['SET', "BEGIN SET app.who = 'x'; END", ['app.who']],
  ['SET of a quoted name', `BEGIN SET "App"."who" TO 'x'; END`, ['app.who']],
  ['SET at the beginning', "SET app.who TO 'x'", ['app.who']],
  ['SET SESSION', 'BEGIN SET SESSION work_mem = 1; END', []],
  ['SET SESSION of a name with a dot', 'BEGIN SET SESSION app.who = 1; END', ['app.who']],
  ['SET of a name of three', 'SET a.b.c = 1', ['a.b.c']],
  ['set_config by its schema', "SELECT pg_catalog.set_config('a.b', x, false)", ['a.b']],
  ['a quoted one by its schema', `SELECT pg_catalog."set_config"('a.b', x, false)`, ['a.b']],
  ['set_config that names what is not local', "SELECT set_config('a.b', x, not_true)", ['a.b']],
  ['SET behind THEN', 'BEGIN IF a THEN SET work_mem = 1; END IF; END', []],
  ['SET behind a comment', 'BEGIN a := 1; /* ; */ -- then\n SET work_mem = 1; END', []],
  ['SET behind a label', 'BEGIN <<here>> SET work_mem = 1; END', []],
  ['SET ROLE', 'BEGIN SET ROLE other; END', []],
  ['RESET', 'BEGIN RESET work_mem; END', []],
  ['LISTEN', 'LISTEN chan', []],
  ['a lock', 'BEGIN PERFORM pg_try_advisory_lock(1); END', []],
  ['an unlock', 'SELECT pg_advisory_unlock_all()', []],
  ['a temporary table', 'BEGIN CREATE TEMP TABLE t (a int); END', []],
  ['one by its schema', 'BEGIN CREATE TABLE pg_temp.t (a int); END', []],
  ['SELECT INTO TEMP', 'SELECT 1 AS a INTO TEMPORARY t', []],
  ['a text that is executed', "BEGIN EXECUTE 'PREPARE p AS SELECT 1'; END", []],
  ['a format', "BEGIN EXECUTE format('SET search_path = %I', path); END", []],
  [
    'an insert put together',
    "BEGIN EXECUTE 'INSERT INTO ' || t || ' VALUES ($1)' USING x; END",
    [],
  ],
  [
    'a text, whatever strings stand behind it',
    "BEGIN EXECUTE 'SELECT 1'; RAISE NOTICE 'SET app.who = 1'; END",
    [],
  ],
  ['a text of E', "BEGIN EXECUTE E'SET app.who = 1'; END", ['app.who']],
  [
    'doubled quotes in a text',
    "BEGIN EXECUTE 'SELECT set_config(''a.b'', ''x'', false)'; END",
    ['a.b'],
  ],
  [
    'doubled quotes in a text of E',
    "BEGIN EXECUTE E'SELECT set_config(''a.b'', ''x'', false)'; END",
    ['a.b'],
  ],
  ['in dollars', 'BEGIN EXECUTE $q$SET app.who = 1$q$; END', ['app.who']],
  ['a text in a text', `BEGIN EXECUTE 'DO $$BEGIN SET app.who = 1; END$$'; END`, ['app.who']],
]

const unnamed: readonly (readonly [string, string])[] = [
  ['set_config of a variable', 'BEGIN PERFORM set_config(k, v, false); END'],
  ['set_config of a name put together', "SELECT set_config('app.' || k, v, false)"],
  ['a call that is not closed', "SELECT set_config('app.who', v, "],
  ['set_config that is no call', 'SELECT set_config'],
  ['SET of a name put together', "BEGIN EXECUTE 'SET ' || k || ' = 1'; END"],
  ['SET of a name by format', "BEGIN EXECUTE format('SET %I = %L', k, v); END"],
  ['a name that is none', "SELECT set_config('app who', v, false)"],
  ['a name with a quote in it', "SELECT set_config('app.who''s', v, false)"],
  ['a name of another type', "SELECT set_config('app.who'::name, v, false)"],
  ['a name that is cast and put together', "SELECT set_config('app.'::text || k, v, false)"],
  ['a name behind a space, in a format', "BEGIN EXECUTE format('  %s', sql); END"],
  ['a text with a backslash', "BEGIN EXECUTE 'SET app.who = ''\\'''; END"],
  ['a text in Unicode', "BEGIN EXECUTE U&'SET app.who = 1'; END"],
  [
    'a text that is put together of more than can be looked at',
    `BEGIN EXECUTE 'SELECT 1'${' || x'.repeat(200)}; END`,
  ],
  [
    'a call of more than can be looked at',
    `SELECT set_config('app.who', f(1${', 1'.repeat(200)}), true)`,
  ],
  [
    'texts within texts, deeper than anybody looks',
    [6, 5, 4, 3, 2, 1].reduce((text, i) => `DO $a${i}$ ${text} $a${i}$`, 'SELECT 1'),
  ],
  ['a text within a format', "BEGIN EXECUTE format('%s', sql); END"],
  ['a text that is explained', "BEGIN EXECUTE 'EXPLAIN ANALYZE ' || sql; END"],
  ['a text that is nowhere', 'BEGIN EXECUTE sql; END'],
  ['a text that comes of a call', "BEGIN EXECUTE build('x'); END"],
  ['an escaped text', "BEGIN EXECUTE E'S\\105T app.who = 1'; END"],
  [
    'set_config in a text, of a variable',
    "BEGIN EXECUTE format('SELECT set_config(%L, 1, false)', k); END",
  ],
  ['a connection of dblink', "SELECT dblink_connect('x')"],
  ['a seed', 'SELECT setseed(0.5)'],
  ['a link', "SELECT * FROM dblink('x', 'SELECT 1') AS t (a int)"],
  ['a limit of likeness', 'SELECT set_limit(0.5)'],
  ['a query of statistics', "SELECT * FROM ts_stat('SELECT v FROM t')"],
  ['a cursor in XML', "SELECT cursor_to_xmlschema('c', true, true, '')"],
  ['a query and its schema', "SELECT query_to_xml_and_xmlschema('SELECT 1', true, true, '')"],
  ['what extensions execute', "SELECT spi_exec('x')"],
  ['a query in a string', "SELECT query_to_xml('SELECT 1', true, true, '')"],
  ['LOAD', "LOAD 'x'"],
  ['what is not closed', "SELECT 'x"],
]

describe('a source', () => {
  test.each(nothing)('leaves nothing behind by %s', (_what, source) => {
    expect(leavingsOf(source)).toEqual({ leaves: false, unnamed: false, settings: [] })
  })

  test.each(leaving)('leaves something behind by %s', (_what, source, settings) => {
    expect(leavingsOf(source)).toEqual({ leaves: true, unnamed: false, settings })
  })

  test.each(unnamed)('leaves what nobody can ask after by %s', (_what, source) => {
    expect(leavingsOf(source)).toMatchObject({ leaves: true, unnamed: true })
  })
})

describe('a function that is called by its name', () => {
  test.each(['setseed', 'dblink_exec', 'query_to_xml', 'spi_exec', 'ts_rewrite'])(
    '%s may leave what nobody can ask after',
    (name) => expect(leavesUnseen(name)).toBe(true),
  )

  test.each(['set_config', 'pg_advisory_lock', 'lower', 'my_setseed'])(
    '%s does not, or is judged by its arguments',
    (name) => expect(leavesUnseen(name)).toBe(false),
  )
})
