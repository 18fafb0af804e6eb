import type { Raw } from '../connection/wire.ts'
import type { Column, Table } from './keep-catalog.ts'
import { InsertedRows } from './keep-rows.ts'
import { speaksOfTime } from './keep-time.ts'
import { isGenerator, literal } from './keep-value.ts'
import type { Parser } from './parser.ts'
import { type Insert, type Node, some, type Target, words } from './tree.ts'

/** Where in an answer a column is; undefined when it is not in there. */
export type Place = (column: Column) => number | undefined

/** What is known of the values that an INSERT left to the database. */
export interface Known {
  readonly table: Table
  /** The rows of the answer; undefined when it is not an answer that has been seen. */
  readonly rows: readonly (readonly Raw[])[] | undefined
  readonly place: Place | undefined
  /** Whether a sequence's value is still ours. */
  readonly serials: boolean
  /** Whether the time at which the transaction began is kept: a value that was made of it shows it. */
  readonly keepsTime: boolean
  /** The default of a column, with the time at which the transaction began. */
  readonly timed: (column: Column) => Node | undefined
}

/** What was done to a statement. */
export interface Kept {
  readonly values: boolean
  readonly serial: boolean
  /** Whether the time at which the transaction began is in one of them. */
  readonly timed: boolean
}

/**
 * Gives an INSERT the values that it left to the database and that are known.
 *
 * Triggers cannot tell a default from the same value given: they see the row after its defaults have
 * been filled in. That is why only columns with a default are given values, and not those that a
 * trigger may have filled: it would find them filled already.
 *
 * @returns undefined where its rows come from elsewhere
 */
export function keepInsert(insert: Insert, known: Known, parser: Parser): Kept | undefined {
  const rows = InsertedRows.of(insert, known.table.columns, parser)
  if (rows === undefined) return undefined
  let values = false
  let serial = false
  let timed = false
  const overridden = insert.override === 'OVERRIDING_USER_VALUE'
  for (const column of known.table.columns) {
    if (rows.isPart(column.name)) continue
    for (let row = 0; row < rows.length; row++) {
      const item = rows.get(row, column.name)
      const left = isLeft(item) || (overridden && column.identity)
      const drawn = left ? column.source : item === undefined ? undefined : isGenerator(item)
      if (drawn === undefined || drawn === 'fixed') continue
      const ofTime = left && speaksOfTime.test(column.expression)
      if (ofTime && !known.keepsTime) continue
      const node =
        (left && drawn === 'clock' ? known.timed(column) : undefined) ??
        seen(insert, column, known, row, drawn === 'serial')
      if (node === undefined) continue
      rows.set(row, column, node)
      values = true
      timed ||= ofTime
      if (drawn === 'serial') serial = true
      if (column.identity) insert.override = 'OVERRIDING_SYSTEM_VALUE'
    }
  }
  return { values, serial, timed }
}

/** Whether the database fills this in. */
function isLeft(item: Node | undefined): boolean {
  return item === undefined || item.SetToDefault !== undefined
}

/** The value that the answer showed. */
function seen(
  insert: Insert,
  column: Column,
  { rows, place, serials }: Known,
  row: number,
  serial: boolean,
): Node | undefined {
  if (serial && !serials) return undefined
  if (column.touched || isExcluded(insert, column)) return undefined
  const at = place?.(column)
  const value = at === undefined ? undefined : rows?.[row]?.[at]
  return typeof value === 'string' || value === null ? literal(value) : undefined
}

/**
 * Whether ON CONFLICT DO UPDATE reads the proposed value of a column. The answer may show the row
 * that was there, which is not what was proposed.
 */
function isExcluded({ onConflictClause: clause }: Insert, column: Column): boolean {
  return some(clause, ({ ColumnRef: ref }) => {
    const names = ref === undefined ? [] : words(ref.fields)
    const at = names.indexOf('excluded')
    // The whole row, with a star or without one, has the column in it.
    return at >= 0 && ['', undefined, column.name].includes(names[at + 1])
  })
}

/**
 * Where the columns of the new row are in the answer of RETURNING. A field tells its table and
 * column, but not whether it is of OLD or NEW.
 */
export function placesOf(
  { returningClause, relation }: Insert,
  fields: readonly { readonly tableID: number; readonly columnID: number }[],
  table: Table,
): Place | undefined {
  const old = oldNames(returningClause?.options ?? [])
  const isOld: boolean[] = []
  for (const { ResTarget: target } of returningClause?.exprs ?? []) {
    const ref = target?.val?.ColumnRef?.fields
    const names = words(ref)
    const star = ref?.at(-1)?.A_Star !== undefined
    const of = names.length > 1 ? names[0] : undefined
    const size = star ? table.columns.length : 1
    for (let i = 0; i < size; i++) isOld.push(of !== undefined && old.has(of))
  }
  if (isOld.length !== fields.length || relation === undefined) return undefined
  return ({ number }) => {
    const at = fields.findIndex(
      ({ tableID, columnID }, i) => tableID === table.oid && columnID === number && !isOld[i],
    )
    return at < 0 ? undefined : at
  }
}

function oldNames(options: readonly Node[]): ReadonlySet<string> {
  const given = options
    .filter(({ ReturningOption: option }) => option?.option === 'RETURNING_OPTION_OLD')
    .map(({ ReturningOption: option }) => option?.value ?? '')
  return new Set(given.length > 0 ? given : ['old'])
}

/** SET column = DEFAULT, where that is the time at which the transaction began. */
export function keepAssignments(
  targets: readonly Node[],
  table: Table,
  timed: Known['timed'],
): void {
  for (const { ResTarget: target } of targets) {
    if (target?.val?.SetToDefault === undefined || target.indirection !== undefined) continue
    const column = table.columns.find(({ name }) => name === target.name)
    const node = column?.source === 'clock' ? timed(column) : undefined
    if (node !== undefined) (target as Target).val = node
  }
}
