import { literal, questionOf } from '../catalog/question.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { timeSyntax } from './keep-time.ts'
import { type Node, some, words } from './tree.ts'

/** What a function's text may not hold that is to see nothing but its arguments. */
const reaching = literal(
  '\\m(call|copy|delete|do|execute|fetch|from|import|insert|join|lock|merge|open|refresh|table|truncate|update|values)\\M',
)
const time = literal(timeSyntax)

/**
 * Extensions whose functions do not see the time of the transaction. Those of others are trusted only
 * where they are declared to be immutable.
 */
const trusted = literal(
  '{btree_gin,btree_gist,citext,cube,fuzzystrmatch,hstore,intarray,isn,ltree,pg_trgm,pgcrypto,unaccent,uuid-ossp}',
)

const proc = `'pg_proc'::regclass`
const rewrite = `'pg_rewrite'::regclass`
const policy = `'pg_policy'::regclass`
const relation = `'pg_class'::regclass`
const dependent = (kind: string, oid: string): string =>
  `EXISTS (SELECT FROM dependents d WHERE d.classid = '${kind}'::regclass AND d.objid = ${oid})`

/**
 * One row: whether something that is called without being named (a cast, an operator, a domain) may see
 * at what time a transaction began; the names of functions and relations that may; and those of views,
 * since what is written to one goes where the statement does not say.
 *
 * A function is blind only if it is SQL or PL/pgSQL, has no word of time in it, reaches no table and
 * executes no text that is put together, and calls none but built-in ones. What a function calls is no
 * dependency that the catalog knows of, so nobody's word is taken for a second one. A partition that
 * is written to by its own name is held against the keys of those that it is a part of.
 */
const question = questionOf(`WITH RECURSIVE mine AS MATERIALIZED (
 SELECT p.oid, p.proname, l.lanname, x.extname IS NOT NULL
   AND (p.provolatile = 'i' OR x.extname = ANY (${trusted}::text[])) AS trusted,
  regexp_replace(pg_get_function_arguments(p.oid) || ' ' ||
   coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), 'distinct\\s+from', ' ', 'gi') AS source
 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 LEFT JOIN pg_depend e ON e.classid = ${proc} AND e.objid = p.oid AND e.deptype = 'e'
 LEFT JOIN pg_extension x ON x.oid = e.refobjid
 WHERE p.oid >= 16384
), seeing AS MATERIALIZED (
 SELECT m.oid, m.proname FROM mine m WHERE NOT m.trusted AND (
  m.lanname NOT IN ('sql', 'plpgsql') OR m.source ~* ${time} OR m.source ~* ${reaching}
  OR m.source ~ '"' AND EXISTS (SELECT FROM mine n WHERE n.proname ~ '[^[:alnum:]_]')
  OR EXISTS (
   SELECT FROM regexp_split_to_table(lower(m.source), '[^[:alnum:]_]+') w(word)
   JOIN mine n ON lower(n.proname::text) = w.word
   WHERE n.oid <> m.oid AND NOT n.trusted))
), dependents AS MATERIALIZED (
 SELECT d.classid, d.objid FROM pg_depend d
 JOIN seeing s ON d.refclassid = ${proc} AND d.refobjid = s.oid
), edges AS MATERIALIZED (
 SELECT i.inhparent AS above, i.inhrelid AS below FROM pg_inherits i
 UNION ALL SELECT k.confrelid, k.conrelid FROM pg_constraint k
 WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
 UNION ALL SELECT r.ev_class, d.refobjid FROM pg_rewrite r JOIN pg_depend d
  ON d.classid = ${rewrite} AND d.objid = r.oid AND d.refclassid = ${relation}
 UNION ALL SELECT p.polrelid, d.refobjid FROM pg_policy p JOIN pg_depend d
  ON d.classid = ${policy} AND d.objid = p.oid AND d.refclassid = ${relation}
), reach AS (
 SELECT c.oid FROM pg_class c WHERE c.relkind = 'f'
 UNION SELECT r.ev_class FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
 WHERE c.oid >= 16384 AND (r.rulename <> '_RETURN' OR c.relkind = 'v'
  AND (pg_get_viewdef(c.oid) ~* ${time} OR ${dependent('pg_rewrite', 'r.oid')}))
 UNION SELECT t.tgrelid FROM pg_trigger t WHERE (NOT t.tgisinternal OR t.tgparentid <> 0)
 AND (t.tgfoid IN (SELECT oid FROM seeing) OR pg_get_triggerdef(t.oid) ~* ${time}
  OR ${dependent('pg_trigger', 't.oid')})
 UNION SELECT p.polrelid FROM pg_policy p WHERE ${dependent('pg_policy', 'p.oid')}
 OR pg_get_expr(p.polqual, p.polrelid) ~* ${time}
 OR pg_get_expr(p.polwithcheck, p.polrelid) ~* ${time}
 UNION SELECT k.conrelid FROM pg_constraint k WHERE k.contype IN ('c', 'x')
 AND (pg_get_constraintdef(k.oid) ~* ${time} OR ${dependent('pg_constraint', 'k.oid')})
 UNION SELECT k.conrelid FROM pg_constraint k JOIN pg_attrdef a
  ON a.adrelid = k.conrelid AND pg_get_expr(a.adbin, a.adrelid) ~* ${time}
 WHERE k.contype = 'f' AND (k.confdeltype = 'd' OR k.confupdtype = 'd')
 UNION SELECT a.adrelid FROM pg_attrdef a WHERE ${dependent('pg_attrdef', 'a.oid')}
 UNION SELECT i.indrelid FROM pg_index i WHERE ${dependent('pg_class', 'i.indexrelid')}
 UNION SELECT d.objid FROM dependents d WHERE d.classid = ${relation}
 UNION SELECT p.relid FROM dependents d, pg_partition_tree(d.objid) p
 WHERE d.classid = ${relation}
 UNION SELECT e.above FROM reach r JOIN edges e ON e.below = r.oid
)
SELECT EXISTS (SELECT FROM pg_cast c JOIN seeing s ON s.oid = c.castfunc)
 OR EXISTS (SELECT FROM pg_operator o JOIN seeing s ON s.oid = o.oprcode)
 OR EXISTS (SELECT FROM pg_amproc a JOIN seeing s ON s.oid = a.amproc)
 OR EXISTS (SELECT FROM pg_type t JOIN seeing s
  ON s.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
 OR EXISTS (SELECT FROM pg_type t WHERE t.oid >= 16384 AND t.typtype = 'd'
  AND (t.typdefault ~* ${time} OR ${dependent('pg_type', 't.oid')}))
 OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid <> 0
  AND (pg_get_constraintdef(k.oid) ~* ${time} OR ${dependent('pg_constraint', 'k.oid')})),
 (SELECT json_agg(c.relname) FROM pg_class c JOIN reach USING (oid))::text,
 (SELECT json_agg(DISTINCT s.proname::text) FROM seeing s)::text,
 (SELECT json_agg(c.relname) FROM pg_class c
  WHERE c.relkind = 'v' AND c.oid >= 16384)::text`)

/** Built-in functions that see at what time their transaction began. */
const clocks: RegExp = /^(now|transaction_timestamp|timetz|jsonb_path_\w+_tz)$/

/** Relations and functions of the server's own that show it. */
const records: RegExp = /^pg_(stat|timezone|prepared)/

/** Words that a date or a time may be written with, in a value or among those of an array. */
const special: RegExp = /\b(now|today|tomorrow|yesterday)\b/i
const specialInside: RegExp = /["'{[(,]\s*(now|today|tomorrow|yesterday)\b/i

/** What in a database may see at what time a transaction began, without a statement saying so. */
export class Sight {
  readonly #names: ReadonlySet<string>
  readonly #views: ReadonlySet<string>

  private constructor(names: ReadonlySet<string>, views: ReadonlySet<string>) {
    this.#names = names
    this.#views = views
  }

  /**
   * Asks the catalog.
   * @returns undefined where anything may, or the server does not say
   * @throws Interrupted when the connection ends
   */
  static async read(ask: Inquiry): Promise<Sight | undefined> {
    const { rows, code } = await ask(question)
    const [row] = rows
    if (code !== undefined || row?.[0] !== 'f') return undefined
    const [relations, functions, views] = row.slice(1).map((list) => namesIn(list))
    return new Sight(new Set([...(relations ?? []), ...(functions ?? [])]), new Set(views))
  }

  /** Whether a name is that of a view. */
  isView(name: string): boolean {
    return this.#views.has(name)
  }

  /** Whether a statement may see the time in a way that is not replaced in it. */
  sees(tree: Node): boolean {
    return some(tree, (node) => {
      const { FuncCall: call, SQLValueFunction: value, A_Const: constant, String: name } = node
      if (name?.sval !== undefined && this.#names.has(name.sval)) return true
      const { relname } = node as { relname?: unknown }
      if (typeof relname === 'string' && (this.#names.has(relname) || records.test(relname))) {
        return true
      }
      if (value !== undefined) return /_(CURRENT_(DATE|TIME)|LOCALTIME)/.test(value.op ?? '')
      if (constant !== undefined) {
        const { sval } = constant as { sval?: { sval?: string } }
        return typeof sval?.sval === 'string' && speaks(sval.sval)
      }
      if (call !== undefined) {
        const called = words(call.funcname).at(-1) ?? ''
        return (
          clocks.test(called) ||
          records.test(called) ||
          (called === 'age' && call.args?.length === 1)
        )
      }
      return isTimeOfDay(node)
    })
  }
}

/** Whether a value, read as a date or a time, would mean one that depends on today's. */
export function speaks(value: unknown): boolean {
  if (typeof value !== 'string' || !special.test(value)) return false
  // datetime.c reads no more than MAXDATELEN characters, and hardly a word besides.
  const inOne = value.length <= 128 && (value.match(/[a-z]+/gi)?.length ?? 0) <= 4
  return inOne || specialInside.test(value)
}

/** A time with its zone has an offset, which is taken from today's if it is not written. */
function isTimeOfDay({ TypeCast: cast }: Node): boolean {
  if (cast === undefined || words(cast.typeName?.names).at(-1) !== 'timetz') return false
  return words(cast.arg?.TypeCast?.typeName?.names).at(-1) !== 'timestamptz'
}

function namesIn(json: unknown): readonly string[] {
  return JSON.parse(String(json)) ?? []
}
