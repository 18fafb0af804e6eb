/*
 * The parts of the PostgreSQL parser's tree that Keep touches, as libpg_query writes them in JSON: a
 * node is an object with one key, its kind. Fields that hold nothing, zero or false are left out.
 */

/** A call of a function by name. */
export interface Call {
  readonly funcname?: readonly Node[]
  readonly args?: readonly Node[]
}

/** An element of a select list, of RETURNING, of a column list or of SET. */
export interface Target {
  name?: string
  val?: Node
  readonly indirection?: readonly Node[]
}

/** A SELECT, a VALUES, or two of them under a set operation. */
export interface Select {
  readonly targetList?: Node[]
  readonly valuesLists?: readonly Node[]
  readonly op?: string
  readonly all?: boolean
  readonly larg?: Select
  readonly rarg?: Select
  readonly [clause: string]: unknown
}

/** RETURNING, with what OLD and NEW are called there. */
export interface Returning {
  readonly exprs?: readonly Node[]
  readonly options?: readonly Node[]
}

/** A name in FROM or INTO. */
export interface Relation {
  readonly schemaname?: string
  readonly relname?: string
}

/** An INSERT. */
export interface Insert {
  readonly relation?: Relation
  cols?: Node[]
  selectStmt?: Node
  readonly onConflictClause?: { readonly targetList?: readonly Node[] }
  readonly returningClause?: Returning
  override?: string
}

/** An expression cast to a type. */
export interface Cast {
  arg?: Node
  readonly typeName?: { readonly names?: readonly Node[] }
}

/** A node of whichever kind. */
export interface Node {
  readonly A_Const?: object
  readonly A_Star?: object
  readonly ColumnRef?: { readonly fields?: readonly Node[] }
  readonly FuncCall?: Call
  readonly InsertStmt?: Insert
  readonly List?: { items?: Node[] }
  readonly ParamRef?: object
  readonly ResTarget?: Target
  readonly ReturningOption?: { readonly option?: string; readonly value?: string }
  readonly SelectStmt?: Select
  readonly SetToDefault?: object
  readonly SQLValueFunction?: { readonly op?: string; readonly typmod?: number }
  readonly String?: { readonly sval?: string }
  readonly TypeCast?: Cast
  readonly UpdateStmt?: { readonly relation?: Relation; readonly targetList?: readonly Node[] }
  readonly [kind: string]: unknown
}

/** The words of a dotted name. */
export function words(names: readonly Node[] | undefined): readonly string[] {
  return (names ?? []).map((name) => name.String?.sval ?? '')
}

/** The name of a function that PostgreSQL itself brings, as far as the name tells. */
export function builtin(call: Call): string | undefined {
  const [first, second, ...more] = words(call.funcname)
  if (second === undefined) return first
  return first === 'pg_catalog' && more.length === 0 ? second : undefined
}

/** Calls `visit` for a value and all that is below it, until one answers true. */
export function some(value: unknown, visit: (node: Node) => boolean): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (visit(value as Node)) return true
  for (const below of Object.values(value)) if (some(below, visit)) return true
  return false
}

const places: RegExp = /location$|^stmt_len$|list_(start|end)$|^version$/

/** Whether two trees are one but for where in the text their nodes stand. */
export function sameTree(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const ours = fieldsOf(a)
  return (
    ours.length === fieldsOf(b).length &&
    ours.every((key) => key in b && sameTree(a[key as never], b[key as never]))
  )
}

function fieldsOf(node: object): string[] {
  return Object.keys(node).filter((key) => !places.test(key) && node[key as never] !== undefined)
}
