import type { FieldDef } from 'pg'
import type { Exchange } from '../exchange/exchange.ts'
import { type Catalog, type Column, defaultAt, type Table } from './keep-catalog.ts'
import { keepAssignments, keepInsert, placesOf } from './keep-insert.ts'
import type { Clock } from './keep-time.ts'
import { isGenerator, keepTarget } from './keep-value.ts'
import type { Parser } from './parser.ts'
import type { Node, Relation, Select } from './tree.ts'

/** What was done to a statement. */
interface Done {
  readonly defaults: boolean
  readonly values: boolean
  readonly serial: boolean
}

/** What becomes of a statement. */
export interface Rewrite {
  /** As it is sent. */
  readonly tree: Node | undefined
  /** What is sent in its place, if something is. */
  readonly text: string | undefined
  /** Whether it speaks of the time that is kept, or would. */
  readonly timed: boolean
  readonly serial: boolean
}

const nothing: Done = { defaults: false, values: false, serial: false }

/** Puts into statements what is kept of them. */
export class Rewriter {
  /** Whether a table's name means what the catalog says. */
  namesHold: boolean
  readonly #parser: Parser
  readonly #catalog: Catalog
  readonly #clock: Clock | undefined
  readonly #serials: boolean

  /**
   * @param clock the time that is kept, if it is
   * @param serials whether numbers of sequences are
   */
  constructor(
    parser: Parser,
    catalog: Catalog,
    clock: Clock | undefined,
    serials: boolean,
    namesHold: boolean,
  ) {
    this.#parser = parser
    this.#catalog = catalog
    this.#clock = clock
    this.#serials = serials
    this.namesHold = namesHold
  }

  /** @param answered what it was answered, where it was */
  rewrite(text: string, answered: Exchange | undefined): Rewrite {
    const tree = this.#parser.read(text)
    const same: Rewrite = { tree, text: undefined, timed: false, serial: false }
    if (tree === undefined || !isRewritable(tree)) return same
    try {
      const set = this.#clock?.set(tree) === true
      const { defaults, values, serial } = this.#keepValues(tree, answered)
      if (!set && !defaults && !values) return same
      const kept = this.#parser.write(tree)
      if (kept !== undefined) return { tree, text: kept, timed: set || defaults, serial }
    } catch {
      // Half a rewrite is none.
    }
    return { ...same, tree: this.#parser.read(text) }
  }

  #keepValues(tree: Node, answered: Exchange | undefined): Done {
    const { InsertStmt: insert, UpdateStmt: update, SelectStmt: select } = tree
    if (select !== undefined) return answered ? this.#keepTargets(select, answered) : nothing
    const relation = insert?.relation ?? update?.relation
    const shape = answered?.shape ?? []
    const table = relation && this.tableOf(relation, shape)
    if (table === undefined) return nothing
    let defaults = false
    const timed = (column: Column): Node | undefined => {
      const node = this.#clock && defaultAt(column, this.#clock, this.#parser)
      defaults ||= node !== undefined
      return node
    }
    const targets = update?.targetList ?? insert?.onConflictClause?.targetList
    if (targets !== undefined) keepAssignments(targets, table, timed)
    if (insert === undefined) return { ...nothing, defaults }
    const place = placesOf(insert, shape, table)
    const rows = place && answered?.taped
    const keepsTime = this.#clock !== undefined
    const known = { table, rows, place, serials: this.#serials, keepsTime, timed }
    const kept = keepInsert(insert, known, this.#parser)
    return kept ? { ...kept, defaults: defaults || kept.timed } : { ...nothing, defaults }
  }

  /** Values that a select list drew, where it gave one row. */
  #keepTargets(select: Select, { taped, shape }: Exchange): Done {
    const targets = select.targetList ?? []
    const [row] = taped ?? []
    if (taped?.length !== 1 || targets.length !== shape?.length) return nothing
    let values = false
    let serial = false
    for (const [i, { ResTarget: target }] of targets.entries()) {
      const value = row?.[i]
      const drawn = target?.val && isGenerator(target.val)
      if (target === undefined || drawn === undefined || typeof value !== 'string') continue
      if (drawn === 'serial' && !this.#serials) continue
      if (!keepTarget(target, drawn, value, this.#parser)) continue
      values = true
      serial ||= drawn === 'serial'
    }
    return { defaults: false, values, serial }
  }

  /** The table that an answer came from, or that a name leads to. */
  tableOf(relation: Relation, shape: readonly FieldDef[]): Table | undefined {
    for (const { tableID } of shape) {
      const table = this.#catalog.byOid(tableID)
      if (table?.name === relation.relname) return table
    }
    return this.namesHold ? this.#catalog.byName(relation) : undefined
  }
}

const rewritable = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']

/**
 * Whether it is a query. Anything else that speaks of time (a default, a view) means the time at which
 * it will be used.
 */
export function isRewritable(tree: Node): boolean {
  return rewritable.some((kind) => kind in tree)
}
