import type { Catalog, Table } from './keep-catalog.ts'
import { isStar } from './keep-rows.ts'
import type { Sight } from './keep-sight.ts'
import { speaksOfTime } from './keep-time.ts'
import { type Insert, type Node, type Relation, some } from './tree.ts'

/** Where to look up what a statement writes to. */
interface Known {
  readonly sight: Sight
  readonly catalog: Catalog
  /** The table that a name leads to, if that is certain. */
  readonly table: (relation: Relation) => Table | undefined
}

/**
 * Whether a statement leaves a column to a default that would see at what time the transaction began:
 * what writes to a view, whose table it does not say; a MERGE, to a table that has such a default;
 * DEFAULT itself; and a column that is left out, or may be.
 */
export function fillsInTime(tree: Node, known: Known): boolean {
  return some(tree, (node) => {
    const { InsertStmt: insert, UpdateStmt: update, MergeStmt: merge, DeleteStmt: erase } = node
    const written = insert ?? update ?? merge ?? erase
    if (written === undefined) return false
    const { relation } = written as { relation?: Relation }
    const name = relation?.relname
    if (relation === undefined || name === undefined || known.sight.isView(name)) return true
    if (erase !== undefined || !known.catalog.isTimed(name)) return false
    const table = known.table(relation)
    if (table === undefined) return true
    const timed = new Set(
      table.columns
        .filter(({ expression }) => speaksOfTime.test(expression))
        .map(({ name }) => name),
    )
    if (timed.size === 0) return false
    if (insert === undefined) {
      return merge !== undefined || assignsDefault(update?.targetList, timed)
    }
    if (assignsDefault(insert.onConflictClause?.targetList, timed)) return true
    const columns = columnsOf(insert, table)
    const rows = insert.selectStmt?.SelectStmt?.valuesLists ?? []
    return [...timed].some((column) => {
      const at = columns.indexOf(column)
      return at < 0 || rows.some(({ List: row }) => some(row?.items?.[at], isDefault))
    })
  })
}

/** Whether SET gives DEFAULT to one of these columns, or to one of several, whichever that is. */
function assignsDefault(targets: readonly Node[] = [], timed: ReadonlySet<string>): boolean {
  return targets.some(({ ResTarget: target }) => {
    if (target?.val?.SetToDefault !== undefined) return timed.has(target.name ?? '')
    return some(target?.val, isDefault)
  })
}

function isDefault({ SetToDefault }: Node): boolean {
  return SetToDefault !== undefined
}

/** The columns that an INSERT gives values for; of a select list with a star nobody can tell. */
function columnsOf({ cols, selectStmt }: Insert, { columns }: Table): readonly string[] {
  if (cols !== undefined) return cols.map(({ ResTarget: target }) => target?.name ?? '')
  let select = selectStmt?.SelectStmt
  while (select?.larg !== undefined) select = select.larg
  const items = select?.valuesLists?.[0]?.List?.items ?? select?.targetList ?? []
  return items.some(isStar) ? [] : columns.slice(0, items.length).map(({ name }) => name)
}
