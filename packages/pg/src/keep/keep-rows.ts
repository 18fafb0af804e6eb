import type { Column } from './keep-catalog.ts'
import { typed } from './keep-value.ts'
import type { Parser } from './parser.ts'
import type { Insert, Node, Select, Target } from './tree.ts'

/**
 * The clauses with which a SELECT of a list, under a UNION, may give anything but one row. The server
 * locks no rows there.
 */
const clauses = [
  'distinctClause',
  'fromClause',
  'groupClause',
  'havingClause',
  'limitCount',
  'limitOffset',
  'sortClause',
  'whereClause',
  'windowClause',
  'withClause',
]

/** The rows that an INSERT spells out, by VALUES, DEFAULT VALUES, or SELECTs of one row each. */
export class InsertedRows {
  readonly #names: (string | undefined)[]
  readonly #parts: ReadonlySet<string>
  readonly #insert: Insert
  readonly #parser: Parser
  /** One list per row: of expressions, or of a SELECT's targets. */
  readonly #lists: readonly Node[][]
  readonly #selected: boolean

  private constructor(
    insert: Insert,
    names: (string | undefined)[],
    lists: readonly Node[][],
    selected: boolean,
    parser: Parser,
  ) {
    this.#insert = insert
    this.#names = names
    this.#lists = lists
    this.#selected = selected
    this.#parser = parser
    const parts = (insert.cols ?? []).filter(({ ResTarget: target }) => target?.indirection)
    this.#parts = new Set(parts.map(({ ResTarget: target }) => target?.name ?? ''))
  }

  /**
   * Undefined when the rows come from elsewhere.
   * @param columns those of the table
   */
  static of(insert: Insert, columns: readonly Column[], parser: Parser): InsertedRows | undefined {
    const select = insert.selectStmt?.SelectStmt
    const values = select?.valuesLists?.map((list) => list.List?.items ?? [])
    const plain = values !== undefined && select !== undefined && !isCut(select)
    const lists = plain ? values : select === undefined ? [[]] : listsOf(select)
    const [first] = lists ?? []
    if (lists === undefined || first === undefined) return undefined
    if (lists.some((list) => list.length !== first.length)) return undefined
    const names =
      insert.cols?.map(({ ResTarget: target }) => target?.name) ??
      columns.slice(0, first.length).map(({ name }) => name)
    if (names.length !== first.length) return undefined
    return new InsertedRows(insert, names, lists, select !== undefined && !plain, parser)
  }

  get length(): number {
    return this.#lists.length
  }

  /** Whether only a part of this column is assigned: one element, one field. */
  isPart(name: string): boolean {
    return this.#parts.has(name)
  }

  /** What is written for a column; undefined when it is left out. */
  get(row: number, name: string): Node | undefined {
    const at = this.#names.indexOf(name)
    const item = at < 0 ? undefined : this.#lists[row]?.[at]
    return this.#selected ? item?.ResTarget?.val : item
  }

  /** Writes a value for a column. In the rows that get none it is still left to the database. */
  set(row: number, column: Column, value: Node): void {
    let at = this.#names.indexOf(column.name)
    if (at < 0) at = this.#add(column.name)
    const list = this.#lists[row] as Node[]
    if (!this.#selected) list[at] = value
    else (list[at]?.ResTarget as Target).val = typed(value, column.type, this.#parser) ?? value
  }

  #add(name: string): number {
    const { cols, selectStmt } = this.#insert
    if (cols === undefined) {
      this.#insert.cols = this.#names.map((known) => ({ ResTarget: { name: known ?? '' } }))
    }
    this.#insert.cols?.push({ ResTarget: { name } })
    this.#names.push(name)
    for (const list of this.#lists) {
      const empty: Node = { SetToDefault: {} }
      list.push(this.#selected ? { ResTarget: { val: empty } } : empty)
    }
    if (selectStmt === undefined) {
      const rows = this.#lists.map((items) => ({ List: { items } }))
      const select = { valuesLists: rows, limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' }
      this.#insert.selectStmt = { SelectStmt: select }
    }
    return this.#names.length - 1
  }
}

function isCut(select: Select): boolean {
  return ['sortClause', 'limitCount', 'limitOffset'].some((clause) => select[clause] !== undefined)
}

/**
 * The select lists of SELECTs of one row each under UNION ALL; or of one alone, whatever it reads:
 * how many rows it gave, the answer tells.
 */
function listsOf(select: Select): Node[][] | undefined {
  const { op, targetList } = select
  if (op !== 'SETOP_NONE') return legsOf(select)
  return targetList === undefined || targetList.some(isStar) ? undefined : [targetList]
}

function legsOf(select: Select): Node[][] | undefined {
  const { op, all, larg, rarg, targetList } = select
  if (clauses.some((clause) => select[clause] !== undefined)) return undefined
  if (op === 'SETOP_UNION' && all === true && larg !== undefined && rarg !== undefined) {
    const left = legsOf(larg)
    const right = legsOf(rarg)
    return left && right && [...left, ...right]
  }
  // A VALUES has no such list, nor has another set operation; and without FROM there is no star.
  return targetList && [targetList]
}

/** Whether an element of a select list is a star. */
export function isStar({ ResTarget: target }: Node): boolean {
  return target?.val?.ColumnRef?.fields?.at(-1)?.A_Star !== undefined
}
