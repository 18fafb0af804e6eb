import { literal, questionOf } from './question.ts'

/*
 * What of a database's own can do something that no statement shows: its functions, and the triggers,
 * policies, views, defaults and operators that call them. What initdb made has ids below 16384
 * (transam.h FirstNormalObjectId).
 */

/** The functions that are not an extension's that is trusted, nor handlers that no SQL can call. */
const mineOf = (trusted: readonly string[]): string => `mine AS MATERIALIZED (
 SELECT p.oid, lower(p.proname::text) AS name, l.lanname::text AS lang, p.provolatile = 'i' AS steady,
  CASE WHEN p.prosqlbody IS NULL THEN p.prosrc
  WHEN p.prosqlbody::text ~ ':commandType [2-5]' THEN 'insert' ELSE '' END AS source
 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_type t ON t.oid = p.prorettype
 WHERE p.oid >= 16384 AND p.prokind <> 'a'
 AND NOT (l.lanname = 'c' AND ('internal'::regtype = ANY (p.proargtypes) OR t.typname ~ '_handler$'))
 AND NOT EXISTS (SELECT FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
  WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'
  AND e.refclassid = 'pg_extension'::regclass AND x.extname = ANY (${literal(`{${trusted.join()}}`)}::text[])))`

/**
 * Every expression that is evaluated unseen, by the relation that brings it along (0 for a type), and
 * whether that is when it is read (`r`) or only when it is written to (`w`); or by the function (`f`).
 * An operator, a cast or an aggregate may be another name of one of PostgreSQL's functions.
 */
export const expressions: string = `
 SELECT CASE ev_type WHEN '1' THEN 'r' ELSE 'w' END AS kind, ev_class AS oid, ev_action::text AS tree
  FROM pg_rewrite WHERE ev_class >= 16384
 UNION ALL SELECT 'w', tgrelid, tgqual::text FROM pg_trigger
 UNION ALL SELECT 'r', polrelid, polqual::text FROM pg_policy
 UNION ALL SELECT 'r', polrelid, polwithcheck::text FROM pg_policy
 UNION ALL SELECT 'w', adrelid, adbin::text FROM pg_attrdef
 UNION ALL SELECT 'w', conrelid, conbin::text FROM pg_constraint
 UNION ALL SELECT 'w', 0, typdefaultbin::text FROM pg_type
 UNION ALL SELECT 'f', oid, proargdefaults::text FROM pg_proc WHERE oid >= 16384
 UNION ALL SELECT 'f', oid, prosqlbody::text FROM pg_proc WHERE oid >= 16384
 UNION ALL SELECT 'w', 0, concat(':funcid ', oprcode::oid, ' ') FROM pg_operator WHERE oid >= 16384
 UNION ALL SELECT 'w', 0, concat(':funcid ', castfunc, ' ') FROM pg_cast WHERE oid >= 16384
 UNION ALL SELECT 'f', aggfnoid, concat(':funcid ', aggtransfn::oid, ' :funcid ', aggfinalfn::oid, ' ')
  FROM pg_aggregate WHERE aggfnoid >= 16384`

const counted = (relation: string, condition = 'oid >= 16384'): string =>
  `(SELECT concat(count(*), ',', sum(xmin::text::int8)) FROM ${relation} WHERE ${condition})`

/** Of temporary tables, which come and go, only what calls a function of the database's own. */
const lasting = (relation: string, tree: string): string =>
  `(${relation} NOT IN (SELECT oid FROM pg_class WHERE relpersistence = 't') OR ${tree}::text ~ ':funcid [0-9]{5}')`

/** A text that changes with each change of the catalog that what can be reached rests on. */
const catalogState = `concat_ws(';', ${[
  counted('pg_proc'),
  counted('pg_rewrite'),
  counted('pg_trigger', 'NOT tgisinternal'),
  counted('pg_policy'),
  counted('pg_attrdef', lasting('adrelid', 'adbin')),
  counted('pg_constraint', `contype IN ('c', 'x', 'f') AND ${lasting('conrelid', 'conbin')}`),
  counted('pg_inherits', 'true'),
  counted('pg_cast'),
  counted('pg_operator'),
  counted('pg_event_trigger'),
  counted('pg_amproc'),
  counted('pg_type', 'typdefaultbin IS NOT NULL'),
  counted('pg_index', 'indexprs IS NOT NULL OR indpred IS NOT NULL'),
  // A relation is known by its name.
  `(SELECT sum(hashtextextended(relname::text, oid::int8)) FROM pg_class WHERE oid >= 16384
 AND relkind IN ('r', 'v', 'm', 'p', 'f') AND relpersistence <> 't')`,
].join(',\n ')})`

/** The transactions that are over, as the same statement sees the catalog. */
const snapshot = 'pg_current_snapshot()'

/** Whether anything in the database may have another server commit something. */
const others = `(EXISTS (SELECT FROM pg_class WHERE relkind = 'f')
 OR EXISTS (SELECT FROM pg_extension WHERE extname = 'dblink'))`

/** Asks for {@link catalogState}, and which transactions are over. */
export const stateText: string = questionOf(`SELECT ${catalogState}, ${snapshot}`)

/** What is looked for, by regular expressions and names. */
export interface Candidates {
  /** One that the source of a function matches which may do it: more than do. */
  readonly source: string
  /** One for what is cut out of a source before it is matched once more. */
  readonly cut: string
  /**
   * PostgreSQL's own functions that do it, by name, and by what their names begin with: one expression for
   * all of them costs a server 46 ms (3,300 functions, 90 names), this 1.
   */
  readonly builtin: readonly string[]
  readonly builtinStarts: string
  /** One for the names of those of which an expression itself says what they do. */
  readonly builtinTold: string
  /** One more for sources in SQL, where INTO makes a table; in PL/pgSQL it sets a variable. */
  readonly inSql: string
  /** Whether the sources are to be judged more closely. */
  readonly shown: boolean
  /** The extensions that are trusted not to do it. */
  readonly trusted: readonly string[]
  /** Whether to read a foreign table may do it, on the server where it is. */
  readonly foreign: boolean
}

/**
 * Asks for the functions whose source says that they may do it, equal sources once; what does it in an
 * expression by a built-in function (`tree`, or `hidden` where that does not tell what it does); and
 * {@link catalogState} and {@link others}.
 */
export function candidatesText(sought: Candidates): string {
  const { source, cut, inSql, builtin, builtinStarts, builtinTold, shown, trusted, foreign } =
    sought
  const [like, less] = [literal(source), literal(cut)]
  return questionOf(`WITH builtin AS MATERIALIZED (
 SELECT ':funcid (' || string_agg(oid::text, '|') || ') ' AS pattern, ':funcid (' ||
  string_agg(oid::text, '|') FILTER (WHERE proname !~ ${literal(builtinTold)}) || ') ' AS hidden
 FROM pg_proc WHERE oid < 16384
 AND (proname = ANY (${literal(`{${builtin.join()}}`)}::name[]) OR proname ~ ${literal(builtinStarts)})
), ${mineOf(trusted)}, trees AS (${expressions}
)
SELECT 'f' AS kind, array_agg(oid)::text AS oids, lang, ${shown ? 'source' : 'NULL'} FROM mine
WHERE CASE WHEN lang IN ('sql', 'plpgsql')
 THEN lang = 'sql' AND source ~* ${literal(inSql)}
  OR source ~* ${like} AND regexp_replace(source, ${less}, ' ', 'gi') ~* ${like}
 ELSE NOT steady END GROUP BY lang${shown ? ', source' : ''}
UNION ALL SELECT t.kind, array_agg(DISTINCT t.oid)::text,
 CASE WHEN t.tree ~ b.hidden THEN 'hidden' ELSE 'tree' END, ${shown ? 't.tree' : 'NULL'}
FROM trees t, builtin b WHERE t.tree ~ b.pattern GROUP BY 1, 3, 4
UNION ALL SELECT 'r', array_agg(oid)::text, 'foreign', NULL FROM pg_class WHERE ${foreign} AND relkind = 'f'
UNION ALL SELECT 'state', CASE WHEN ${others} THEN 'others' END, ${snapshot}::text, (SELECT ${catalogState})`)
}

/** What does what is sought: its ids. */
export interface Seeds {
  /** Of what can be asked after. */
  readonly askable: string[]
  /** Of what nobody can ask after. */
  readonly unnamed: string[]
}

/** Functions, relations that do it when they are read, and those that do when they are written to. */
export type Found = { readonly [kind in 'f' | 'r' | 'w']: Seeds }

const catalog = (table: string): string => `'${table}'::regclass`

/** Edges from what `table`'s objects call, or from the relations they read, to what brings them along. */
const dependents = (
  table: string,
  above: string,
  on: 'pg_proc' | 'pg_class',
  from: string,
  to: string,
): string =>
  `SELECT ${from}, d.refobjid, ${to}, x.${above} FROM pg_depend d
 JOIN ${table} x ON x.oid = d.objid
 WHERE d.classid = ${catalog(table)} AND d.refclassid = ${catalog(on)}`

const byRule = "CASE x.ev_type WHEN '1' THEN 'r' ELSE 'w' END"

/** Commands that fire event triggers (event_trigger.c), or may hold one that does. */
const defining =
  '\\m(alter|comment|create|do|drop|execute|grant|import|reassign|refresh|reindex|revoke|security)\\M'

/** Objects that a function is called by under a name of theirs, or that call it at no statement's end. */
const named = [
  ...['pg_proc', 'pg_rewrite', 'pg_trigger', 'pg_policy', 'pg_attrdef', 'pg_class'],
  ...['pg_event_trigger', 'pg_publication_rel', 'pg_statistic_ext', 'pg_language'],
  'pg_foreign_data_wrapper',
]
  .map(catalog)
  .join(', ')

/**
 * All that reaches those, by name: a function whose source has the name of one in it; a relation whose
 * trigger, policy, rule, default or constraint calls one, or the key of a table that it is a part of; and
 * what reads or writes such a relation in its turn. `f` are functions, `r` relations that reach one when they are read, `w` those that do when
 * they are written to; `anywhere` is what is called without any name: by an operator, a cast, a type;
 * `defining` is what an event trigger calls, and so whatever defines something.
 *
 * @param trusted the extensions that are trusted
 * @param found what was found of each kind: what can be asked after, and what nobody can
 */
export function reachText(trusted: readonly string[], found: Found): string {
  const seeds = Object.entries(found).flatMap(([kind, { askable, unnamed }]) =>
    [askable, unnamed].map(
      (oids, i) =>
        `SELECT '${kind}', oid, ${i === 1} FROM unnest('{${oids.join()}}'::oid[]) AS found(oid)`,
    ),
  )
  return questionOf(`WITH RECURSIVE ${mineOf(trusted)}, writing AS (
 SELECT *, lang NOT IN ('sql', 'plpgsql')
  OR source ~* ${literal('\\m(insert|update|delete|merge|copy|truncate|execute|do)\\M')} AS writes,
  lang NOT IN ('sql', 'plpgsql') OR regexp_replace(source, ${literal('\\mdo\\s+(nothing|update)\\M')}, ' ', 'gi') ~* ${literal(defining)}
  OR lang = 'sql' AND source ~* ${literal('\\minto\\M')} AS defines FROM mine
), words AS MATERIALIZED (
 SELECT DISTINCT m.oid, m.writes, w.word FROM writing m,
  LATERAL regexp_split_to_table(lower(m.source), '[^[:alnum:]_$]+') AS w(word)
), relations AS MATERIALIZED (
 SELECT k.kind, oid, relname::text AS written, lower(relname::text) AS name
 FROM pg_class, (VALUES ('r'), ('w')) AS k(kind)
 WHERE oid >= 16384 AND relkind IN ('r', 'v', 'm', 'p', 'f')
), named AS MATERIALIZED (
 SELECT 'f' AS kind, oid, name FROM mine UNION ALL SELECT kind, oid, name FROM relations
), edges(below, b, above, a) AS MATERIALIZED (
 SELECT n.kind, n.oid, 'f', w.oid FROM words w JOIN named n ON n.name = w.word WHERE n.kind <> 'w' OR w.writes
 UNION ALL SELECT n.kind, n.oid, 'f', m.oid FROM named n JOIN writing m
  ON n.name ~ '[^[:alnum:]_$]' AND strpos(lower(m.source), n.name) > 0
  WHERE n.kind <> 'w' OR m.writes
 UNION ALL ${dependents('pg_proc', 'oid', 'pg_proc', "'f'", "'f'")}
 UNION ALL ${dependents('pg_proc', 'oid', 'pg_class', "'r'", "'f'")}
 UNION ALL ${dependents('pg_proc', 'oid', 'pg_class', "'w'", "'f'")} AND x.prosqlbody::text ~ ':commandType [2-5]'
 UNION ALL ${dependents('pg_rewrite', 'ev_class', 'pg_proc', "'f'", byRule)}
 UNION ALL ${dependents('pg_policy', 'polrelid', 'pg_proc', "'f'", "'r'")}
 UNION ALL ${dependents('pg_trigger', 'tgrelid', 'pg_proc', "'f'", "'w'")}
 UNION ALL ${dependents('pg_constraint', 'conrelid', 'pg_proc', "'f'", "'w'")}
 UNION ALL ${dependents('pg_attrdef', 'adrelid', 'pg_proc', "'f'", "'w'")}
 UNION ALL SELECT 'f', d.refobjid, 'w', i.indrelid FROM pg_depend d
  JOIN pg_index i ON i.indexrelid = d.objid
  WHERE d.classid = ${catalog('pg_class')} AND d.refclassid = ${catalog('pg_proc')}
 UNION ALL ${dependents('pg_rewrite', 'ev_class', 'pg_class', "'r'", byRule)}
 UNION ALL ${dependents('pg_rewrite', 'ev_class', 'pg_class', "'w'", "'w'")}
 UNION ALL ${dependents('pg_policy', 'polrelid', 'pg_class', "'r'", "'r'")}
 UNION ALL SELECT 'r', inhrelid, 'r', inhparent FROM pg_inherits
 UNION ALL SELECT 'w', inhrelid, 'w', inhparent FROM pg_inherits
 UNION ALL SELECT 'w', conrelid, 'w', confrelid FROM pg_constraint
  WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
 UNION ALL SELECT 'f', d.refobjid, 'p', k.partrelid FROM pg_depend d
  JOIN pg_partitioned_table k ON k.partrelid = d.objid
  WHERE d.classid = ${catalog('pg_class')} AND d.refclassid = ${catalog('pg_proc')}
 UNION ALL SELECT 'p', inhparent, 'p', inhrelid FROM pg_inherits
 UNION ALL SELECT 'p', oid, 'w', oid FROM relations WHERE kind = 'w'
 UNION ALL SELECT 'f', evtfoid, 'd', 0 FROM pg_event_trigger
 UNION ALL SELECT 'd', 0, 'f', oid FROM writing WHERE defines
), reach(kind, oid, unnamed) AS (
 (${seeds.join('\n UNION ')})
 UNION SELECT e.above, e.a, r.unnamed FROM reach r JOIN edges e ON e.below = r.kind AND e.b = r.oid
)
SELECT r.kind, n.name, bool_or(r.unnamed) FROM reach r JOIN (
 SELECT 'f' AS kind, oid, proname::text AS name FROM pg_proc WHERE oid >= 16384
 UNION ALL SELECT kind, oid, written FROM relations) AS n ON n.kind = r.kind AND n.oid = r.oid GROUP BY 1, 2
UNION ALL SELECT 'defining', '', bool_or(unnamed) FROM reach WHERE kind = 'd' HAVING count(*) > 0
UNION ALL SELECT 'anywhere', '', bool_or(r.unnamed) FROM reach r
WHERE r.kind = 'w' AND r.oid = 0 OR r.kind = 'f' AND EXISTS (
 SELECT FROM pg_depend d
 LEFT JOIN pg_constraint k ON d.classid = ${catalog('pg_constraint')} AND k.oid = d.objid
 WHERE d.refclassid = ${catalog('pg_proc')} AND d.refobjid = r.oid
 AND d.classid NOT IN (${named}) AND coalesce(k.conrelid, 0) = 0)
HAVING count(*) > 0`)
}
