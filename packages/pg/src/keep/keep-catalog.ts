import { analyze } from '@reprise/core'
import { literal, questionOf } from '../catalog/question.ts'
import { expressions } from '../catalog/reach-question.ts'
import { type Incarnation, incarnationColumns, readIncarnation } from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import type { Raw } from '../connection/wire.ts'
import { DatabaseEntry, entryColumns } from './database-entry.ts'
import { type Clock, speaksOfTime, timeSyntax } from './keep-time.ts'
import type { Parser } from './parser.ts'
import { builtin, type Node, type Relation, some } from './tree.ts'

/**
 * Where a column's value comes from when the statement leaves it to the database:
 *
 * - `fixed`: nothing that changes from one run to the next, or nothing we may answer for.
 * - `clock`: the time at which the transaction began, and only that.
 * - `drawn`: a random value, or the time of day.
 * - `serial`: a sequence.
 */
export type Source = 'fixed' | 'clock' | 'drawn' | 'serial'

/** A column of a table. */
export interface Column {
  readonly name: string
  readonly number: number
  /** Its type, as it is written in a cast. */
  readonly type: string
  readonly identity: boolean
  readonly source: Source
  /** Its default. */
  readonly expression: string
  /** A trigger that fires before an insert speaks of it, and may change what it was given. */
  readonly touched: boolean
}

/** A table, its columns in order. */
export interface Table {
  readonly oid: number
  readonly name: string
  readonly columns: readonly Column[]
}

const sequenceWords = literal('\\m(currval|lastval|setval|restart)\\M')

/** The same in an expression as the catalog holds it: by what pg_proc.dat calls them. */
const sequenceCalls = literal(':funcid (1575|2559|1576|1765) ')

/** What puts another row in the place of NEW. */
const wholeRow = literal('\\mnew\\s*:?=|\\minto\\s+(strict\\s+)?new\\M')

/** A row of its own, as only the session's search_path tells: the tables to which their names alone lead. */
const visible = `SELECT pg_catalog.array_agg(c.oid) FROM pg_catalog.pg_class c
 WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}') AND pg_catalog.pg_table_is_visible(c.oid);
`

/**
 * A second row: the incarnation; whether something that statements run unseen asks which number a
 * sequence gave last, or sets one; the wanted tables and all that have a default that speaks of time.
 * A rule may evaluate a default twice, so tables that have one are left alone.
 *
 * Nothing in it waits for a lock: to show a default by its table's columns, or a body in SQL, would.
 */
const questionOfTables = (oids: readonly number[]): string =>
  questionOf(
    `WITH RECURSIVE defaults AS MATERIALIZED (
 SELECT d.adrelid, d.adnum, pg_get_expr(d.adbin, 0) AS expression FROM pg_attrdef d
 JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated = ''
), wanted AS (
 SELECT unnest('{${oids.join()}}'::oid[]) AS oid
 UNION SELECT adrelid FROM defaults WHERE expression ~* ${literal(timeSyntax)}
), parts(whole, oid) AS (
 SELECT oid, oid FROM wanted
 UNION SELECT p.whole, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
), trees AS (${expressions}
)
SELECT ${incarnationColumns},
 EXISTS (SELECT FROM trees WHERE tree ~ ${sequenceCalls}) OR EXISTS (
  SELECT FROM pg_proc p WHERE p.oid >= 16384
  AND p.prosrc ~* ${sequenceWords}
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND e.objid = p.oid
   AND e.classid = 'pg_proc'::regclass)),
 (SELECT json_agg(json_build_array(c.oid::bigint, n.nspname, c.relname, (
    SELECT json_agg(json_build_array(a.attname, a.attnum,
      format_type(a.atttypid, a.atttypmod), a.attidentity <> '', d.expression, EXISTS (
       SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
       WHERE t.tgrelid IN (SELECT oid FROM parts WHERE whole = c.oid)
       AND t.tgtype & 7 = 7
       AND (p.prosrc ~* ${wholeRow}
        OR strpos(lower(p.prosrc || ' ' || encode(t.tgargs, 'escape')), lower(a.attname)) > 0)))
      ORDER BY a.attnum)
    FROM pg_attribute a LEFT JOIN defaults d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)))::text
  FROM wanted JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relhasrules),
 ${entryColumns}`,
    visible,
  )

/** Name, number, type, whether it is an identity, default, whether a trigger speaks of it. */
type ColumnRow = readonly [string, number, string, boolean, string | null, boolean]
/** Object id, schema, name, columns. */
type TableRow = readonly [number, string, string, readonly ColumnRow[] | null]

/** What the database says of its tables, before the replay begins. */
export class Catalog {
  readonly incarnation: Incarnation
  readonly entry: DatabaseEntry
  /** Something that statements run unseen asks which number a sequence gave last, or sets one. */
  readonly asksSequences: boolean
  readonly #parser: Parser
  readonly #rows: readonly TableRow[]
  readonly #visible: ReadonlySet<number>
  readonly #tables = new Map<TableRow, Table>()

  private constructor(
    incarnation: Incarnation,
    entry: DatabaseEntry,
    asksSequences: boolean,
    rows: readonly TableRow[],
    visible: ReadonlySet<number>,
    parser: Parser,
  ) {
    this.incarnation = incarnation
    this.entry = entry
    this.asksSequences = asksSequences
    this.#rows = rows
    this.#visible = visible
    this.#parser = parser
  }

  /**
   * Reads it.
   * @param oids the tables that answers came from
   * @returns undefined when the server does not answer
   */
  static async read(
    oids: readonly number[],
    parser: Parser,
    ask: Inquiry,
  ): Promise<Catalog | undefined> {
    const { rows, code } = await ask(questionOfTables(oids))
    const [names, row] = rows
    if (code !== undefined || names === undefined || row === undefined) return undefined
    const tables = tablesIn(row[5] ?? '[]')
    if (tables === undefined) return undefined
    const visible = new Set(String(names[0]).match(/\d+/g)?.map(Number))
    const entry = new DatabaseEntry(row.slice(6))
    return new Catalog(readIncarnation(row), entry, row[4] !== 'f', tables, visible, parser)
  }

  byOid(oid: number): Table | undefined {
    return this.#tableOf(this.#rows.find(([known]) => known === oid))
  }

  byName({ schemaname, relname }: Relation): Table | undefined {
    const row = this.#rows.find(
      ([oid, schema, name]) =>
        name === relname &&
        (schemaname === undefined ? this.#visible.has(oid) : schemaname === schema),
    )
    return this.#tableOf(row)
  }

  /** Whether a table of this name, in whichever schema, has a default that speaks of time. */
  isTimed(name: string): boolean {
    return this.#rows.some(
      ([, , known, columns]) =>
        known === name &&
        columns?.some(([, , , , expression]) => speaksOfTime.test(expression ?? '')),
    )
  }

  /** Most tables are never asked after, and to look at a default takes the parser. */
  #tableOf(row: TableRow | undefined): Table | undefined {
    if (row === undefined) return undefined
    let table = this.#tables.get(row)
    if (table === undefined) {
      const [oid, , name, columns] = row
      table = {
        oid,
        name,
        columns: (columns ?? []).map((column) => columnOf(column, this.#parser)),
      }
      this.#tables.set(row, table)
    }
    return table
  }
}

function tablesIn(json: Raw): readonly TableRow[] | undefined {
  try {
    return JSON.parse(String(json))
  } catch {
    return undefined
  }
}

function columnOf(row: ColumnRow, parser: Parser): Column {
  const [name, number, type, identity, expression, touched] = row
  const source: Source = identity
    ? 'serial'
    : expression === null
      ? 'fixed'
      : sourceOf(expression, parser)
  return { name, number, type, identity, source, expression: expression ?? '', touched }
}

/** Functions that a default may make of the transaction's time. */
const ofTime = new Set([
  'date',
  'date_part',
  'date_trunc',
  'extract',
  'floor',
  'now',
  'round',
  'timezone',
  'to_char',
  'transaction_timestamp',
  'trunc',
])

/** Extensions' functions that draw a random value. */
const random = new Set(['uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4'])

function sourceOf(expression: string, parser: Parser): Source {
  const tree = parser.readExpression(expression)
  let calls = 0
  let timely = true
  const visit = ({ FuncCall: call, SQLValueFunction: value }: Node): boolean => {
    if (call !== undefined || value !== undefined) calls++
    if (call !== undefined && !ofTime.has(builtin(call) ?? '')) timely = false
    return false
  }
  some({ tree }, visit)
  if (calls === 0) return 'fixed'
  // A function of the user's own may do more than to draw a value (count it in a table, say), and
  // what it does must be done again.
  const { functions } = analyze(`SELECT ${expression}`)
  if (functions.includes('nextval') && functions.length === 1) return 'serial'
  if (!functions.every((name) => random.has(name))) return 'fixed'
  return timely && speaksOfTime.test(expression) ? 'clock' : 'drawn'
}

/** A column's default with the transaction's time in it. */
export function defaultAt({ expression }: Column, clock: Clock, parser: Parser): Node | undefined {
  const holder = { val: parser.readExpression(expression) }
  return clock.set(holder) ? holder.val : undefined
}
