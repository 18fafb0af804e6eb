/*
 * What of a database's own can do something that no statement shows: its functions, and the triggers,
 * policies, views, defaults and operators that call them. What initdb made has ids below 16384
 * (transam.h FirstNormalObjectId).
 */

const mine = `mine AS MATERIALIZED (
 SELECT p.oid, pg_catalog.lower(p.proname::pg_catalog.text) AS name, l.lanname::pg_catalog.text AS lang,
  p.provolatile = 'i' AS steady, coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) AS source
 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND p.prokind <> 'a' AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
  WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND e.objid = p.oid AND e.deptype = 'e'
  AND e.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND x.extname = ANY ($1)))`

/**
 * Every expression that is evaluated unseen, by the relation that brings it along (0 for a type), and
 * whether that is when it is read (`r`) or only when it is written to (`w`).
 */
const expressions = `
 SELECT CASE ev_type WHEN '1' THEN 'r' ELSE 'w' END AS kind, ev_class AS oid, ev_action::pg_catalog.text AS tree
  FROM pg_catalog.pg_rewrite WHERE ev_class >= 16384
 UNION ALL SELECT 'w', tgrelid, tgqual::pg_catalog.text FROM pg_catalog.pg_trigger WHERE tgqual IS NOT NULL
 UNION ALL SELECT 'r', polrelid, polqual::pg_catalog.text FROM pg_catalog.pg_policy
 UNION ALL SELECT 'r', polrelid, polwithcheck::pg_catalog.text FROM pg_catalog.pg_policy
 UNION ALL SELECT 'w', adrelid, adbin::pg_catalog.text FROM pg_catalog.pg_attrdef
 UNION ALL SELECT 'w', conrelid, conbin::pg_catalog.text FROM pg_catalog.pg_constraint WHERE conbin IS NOT NULL
 UNION ALL SELECT 'w', 0, typdefaultbin::pg_catalog.text FROM pg_catalog.pg_type WHERE typdefaultbin IS NOT NULL`

const counted = (relation: string, condition = 'oid >= 16384'): string =>
  `(SELECT pg_catalog.concat(count(*), ',', sum(xmin::pg_catalog.text::pg_catalog.int8)) FROM pg_catalog.${relation} WHERE ${condition})`

/** A text that changes with each change of the catalog that what can be reached rests on. */
export const catalogState: string = `SELECT pg_catalog.concat_ws(';', ${[
  counted('pg_proc'),
  counted('pg_rewrite'),
  counted('pg_trigger', 'NOT tgisinternal'),
  counted('pg_policy'),
  counted('pg_attrdef'),
  counted('pg_constraint', "contype IN ('c', 'x', 'f')"),
  counted('pg_inherits', 'true'),
  counted('pg_cast'),
  counted('pg_operator'),
].join(',\n ')})`

/**
 * The functions whose source says that they may do it, equal sources once; the relations that do it by
 * a built-in function; and {@link catalogState}.
 *
 * $1: extensions that are trusted; $2: a regular expression that the source of such a function matches;
 * $3: one for what is cut out of a source before; $4: one for the names of built-in functions.
 */
export const candidatesText: string = `WITH ${mine}, trees AS (${expressions}
), builtin AS (
 SELECT ':funcid (' || pg_catalog.string_agg(oid::pg_catalog.text, '|') || ') ' AS pattern
 FROM pg_catalog.pg_proc WHERE oid < 16384 AND proname ~ $4
)
SELECT 'f' AS kind, pg_catalog.array_agg(oid)::pg_catalog.text AS oids, lang, source FROM mine
WHERE CASE WHEN lang IN ('sql', 'plpgsql')
 THEN source ~* $2 AND pg_catalog.regexp_replace(source, $3, ' ', 'gi') ~* $2
 ELSE NOT steady END GROUP BY lang, source
UNION ALL SELECT t.kind, pg_catalog.array_agg(DISTINCT t.oid)::pg_catalog.text, NULL, NULL
FROM trees t, builtin b WHERE t.tree ~ b.pattern GROUP BY t.kind
UNION ALL SELECT 'state', NULL, NULL, (${catalogState})`

const catalog = (table: string): string => `'pg_catalog.${table}'::pg_catalog.regclass`

/** Edges from what `table`'s objects call, or from the relations they read, to what brings them along. */
const dependents = (
  table: string,
  above: string,
  on: 'pg_proc' | 'pg_class',
  from: string,
  to: string,
): string =>
  `SELECT ${from}, d.refobjid, ${to}, x.${above} FROM pg_catalog.pg_depend d
 JOIN pg_catalog.${table} x ON x.oid = d.objid
 WHERE d.classid = ${catalog(table)} AND d.refclassid = ${catalog(on)}`

const byRule = "CASE x.ev_type WHEN '1' THEN 'r' ELSE 'w' END"

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
 * trigger, policy, rule, default or constraint calls one; and what reads or writes such a relation in
 * its turn. `f` are functions, `r` relations that reach one when they are read, `w` those that do when
 * they are written to; `anywhere` is what is called without any name: by an operator, a cast, a type.
 *
 * $1: as above; $2, $3: the functions, those that leave what cannot be asked after apart; $4, $5: the
 * relations, read and written to.
 */
export const reachText: string = `WITH RECURSIVE ${mine}, writing AS (
 SELECT *, lang NOT IN ('sql', 'plpgsql')
  OR source ~* '\\m(insert|update|delete|merge|copy|truncate|execute|do)\\M' AS writes FROM mine
), words AS MATERIALIZED (
 SELECT DISTINCT m.oid, m.writes, w.word FROM writing m,
  LATERAL pg_catalog.regexp_split_to_table(pg_catalog.lower(m.source), '[^[:alnum:]_$]+') AS w(word)
), relations AS MATERIALIZED (
 SELECT k.kind, oid, pg_catalog.lower(relname::pg_catalog.text) AS name
 FROM pg_catalog.pg_class, (VALUES ('r'), ('w')) AS k(kind)
 WHERE oid >= 16384 AND relkind IN ('r', 'v', 'm', 'p', 'f')
), named AS MATERIALIZED (
 SELECT 'f' AS kind, oid, name FROM mine UNION ALL SELECT kind, oid, name FROM relations
), edges(below, b, above, a) AS MATERIALIZED (
 SELECT n.kind, n.oid, 'f', w.oid FROM words w JOIN named n ON n.name = w.word WHERE n.kind <> 'w' OR w.writes
 UNION ALL SELECT n.kind, n.oid, 'f', m.oid FROM named n JOIN writing m
  ON n.name ~ '[^[:alnum:]_$]' AND pg_catalog.strpos(pg_catalog.lower(m.source), n.name) > 0
  WHERE n.kind <> 'w' OR m.writes
 UNION ALL ${dependents('pg_proc', 'oid', 'pg_proc', "'f'", "'f'")}
 UNION ALL ${dependents('pg_rewrite', 'ev_class', 'pg_proc', "'f'", byRule)}
 UNION ALL ${dependents('pg_policy', 'polrelid', 'pg_proc', "'f'", "'r'")}
 UNION ALL ${dependents('pg_trigger', 'tgrelid', 'pg_proc', "'f'", "'w'")}
 UNION ALL ${dependents('pg_constraint', 'conrelid', 'pg_proc', "'f'", "'w'")}
 UNION ALL ${dependents('pg_attrdef', 'adrelid', 'pg_proc', "'f'", "'w'")}
 UNION ALL SELECT 'f', d.refobjid, 'w', i.indrelid FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_index i ON i.indexrelid = d.objid
  WHERE d.classid = ${catalog('pg_class')} AND d.refclassid = ${catalog('pg_proc')}
 UNION ALL ${dependents('pg_rewrite', 'ev_class', 'pg_class', "'r'", byRule)}
 UNION ALL ${dependents('pg_rewrite', 'ev_class', 'pg_class', "'w'", "'w'")}
 UNION ALL ${dependents('pg_policy', 'polrelid', 'pg_class', "'r'", "'r'")}
 UNION ALL SELECT 'r', inhrelid, 'r', inhparent FROM pg_catalog.pg_inherits
 UNION ALL SELECT 'w', inhrelid, 'w', inhparent FROM pg_catalog.pg_inherits
 UNION ALL SELECT 'w', conrelid, 'w', confrelid FROM pg_catalog.pg_constraint
  WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
), reach(kind, oid, unnamed) AS (
 (SELECT 'f', f.oid, false FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS f(oid)
 UNION SELECT 'f', f.oid, true FROM pg_catalog.unnest($3::pg_catalog.oid[]) AS f(oid)
 UNION SELECT 'r', r.oid, false FROM pg_catalog.unnest($4::pg_catalog.oid[]) AS r(oid)
 UNION SELECT 'w', w.oid, false FROM pg_catalog.unnest($5::pg_catalog.oid[]) AS w(oid))
 UNION SELECT e.above, e.a, r.unnamed FROM reach r JOIN edges e ON e.below = r.kind AND e.b = r.oid
)
SELECT r.kind, n.name::pg_catalog.text, pg_catalog.bool_or(r.unnamed) FROM reach r JOIN (
 SELECT 'f' AS kind, oid, pg_catalog.lower(proname::pg_catalog.text) AS name FROM pg_catalog.pg_proc WHERE oid >= 16384
 UNION ALL SELECT kind, oid, name FROM relations) AS n ON n.kind = r.kind AND n.oid = r.oid GROUP BY 1, 2
UNION ALL SELECT 'anywhere', '', pg_catalog.bool_or(r.unnamed) FROM reach r
WHERE r.oid = 0 OR r.kind = 'f' AND EXISTS (
 SELECT FROM pg_catalog.pg_depend d
 LEFT JOIN pg_catalog.pg_constraint k ON d.classid = ${catalog('pg_constraint')} AND k.oid = d.objid
 WHERE d.refclassid = ${catalog('pg_proc')} AND d.refobjid = r.oid
 AND d.classid NOT IN (${named}) AND coalesce(k.conrelid, 0) = 0)
HAVING pg_catalog.count(*) > 0`
