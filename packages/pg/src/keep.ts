import { DivergedError } from '@reprise/core'
import type { FieldDef } from 'pg'
import { inquiry } from './ask.ts'
import type { Connection } from './connection.ts'
import type { Exchange, ExchangeClass } from './exchange.ts'
import { sameIncarnation } from './incarnation.ts'
import { Catalog, type Column, defaultAt, type Table } from './keep-catalog.ts'
import { keepAssignments, keepInsert, placesOf } from './keep-insert.ts'
import { isCandidate, learnt, redefines, renames, sees, touchesSequence } from './keep-scope.ts'
import { Clock, instantForm } from './keep-time.ts'
import { isGenerator, keepTarget } from './keep-value.ts'
import { loadParser, type Parser } from './parser.ts'
import type { Node, Relation, Select } from './tree.ts'
import type { Witness } from './witness.ts'

/** What is known of a transaction that was lost. */
export interface Lost {
  readonly tape: readonly Exchange[]
  readonly witness: Witness | undefined
  /** What kept its values, if it was itself a replay. */
  readonly keeper: Keeper | undefined
}

/** What was done to a statement. */
interface Done {
  readonly defaults: boolean
  readonly values: boolean
  readonly serial: boolean
}

const nothing: Done = { defaults: false, values: false, serial: false }

/**
 * Keeps, in the replay of a transaction, the values that the database generated when it ran first.
 *
 * Without it every replayed `INSERT … RETURNING` would draw another serial, another now() and another
 * uuid, and diverge. With it the statement is given the values that its first answer showed. That is
 * sound, because
 *
 * - the comparison of answers is still the judge: what could not be kept, what a trigger changed, an
 *   id that is taken by now, all of that is an answer other than the first, and diverges;
 * - a number that a sequence has given is never given again within one incarnation, be the
 *   transaction rolled back or not, so it is ours for good. After a crash a sequence may go back
 *   behind numbers that no commit had brought to the disk, so in another incarnation none is kept.
 *   With ON CONFLICT DO UPDATE it may be the number of a row that was there; if somebody deleted that
 *   meanwhile, a row with the same key takes it over, and still nobody else ever gets it;
 * - where a sequence was set or made by the transaction itself, it gives the same numbers again, and
 *   giving them as values would leave it behind: after such statements no number is kept. Neither is
 *   one where currval() or lastval() could see that this session never drew it;
 * - triggers, rules and conflict clauses that could see a difference between a value and the
 *   same value made by a default are looked for in the catalog and in the statement;
 * - the time at which the transaction began is one for all of its statements. Where it is kept in
 *   one, it is kept in those to come, {@link Keeper.follow}, defaults included.
 *
 * Not seen are: now() in a trigger, in a function or in a view, and in a statement whose table cannot
 * be told by its name.
 */
export class Keeper {
  readonly #parser: Parser
  readonly #catalog: Catalog
  readonly #instant: string | undefined
  readonly #clock: Clock | undefined
  readonly #serials: boolean
  /** Whether a table's name means what the catalog says. */
  #namesHold: boolean
  #keptSerial = false
  #keptTime = false

  private constructor(
    parser: Parser,
    catalog: Catalog,
    instant: string | undefined,
    serials: boolean,
    namesHold: boolean,
  ) {
    this.#parser = parser
    this.#catalog = catalog
    this.#instant = instant
    this.#clock = instant === undefined ? undefined : new Clock(parser, instant)
    this.#serials = serials
    this.#namesHold = namesHold
  }

  /**
   * Looks at a lost transaction, and at the database it is about to be replayed on.
   *
   * @param connection on which no transaction has been opened yet
   * @returns undefined when nothing is to be kept, or nothing can be
   * @throws Interrupted when the connection ends
   */
  static async for(
    lost: Lost,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<Keeper | undefined> {
    const { tape, witness } = lost
    const [first] = tape
    if (first === undefined || !connection.conformingStrings) return undefined
    if (!tape.some(isCandidate) || tape.some(redefines)) return undefined
    const parser = await loadParser()
    if (parser === undefined) return undefined
    const oids = new Set<number>()
    for (const { shape } of tape) for (const field of shape ?? []) oids.add(field.tableID)
    const ask = inquiry(first.constructor as ExchangeClass, connection, signal)
    const catalog = await Catalog.read(
      [...oids].filter((oid) => oid > 0),
      parser,
      ask,
    )
    if (catalog === undefined) return undefined
    const serials =
      witness !== undefined &&
      sameIncarnation(witness.incarnation, catalog.incarnation) &&
      !catalog.asksSequences &&
      !tape.some(touchesSequence)
    const instant = [lost.keeper?.instant, witness?.began, learnt(tape, parser)].find(
      (known) => known !== undefined && instantForm.test(known),
    )
    const namesHold = !tape.some(renames)
    return new Keeper(parser, catalog, instant, serials, namesHold)
  }

  /** When the transaction began, for those who have seen it; undefined if nobody has. */
  get instant(): string | undefined {
    return this.#keptTime ? this.#instant : undefined
  }

  /** Itself, if statements to come have to {@link follow} what was kept. */
  get lasting(): Keeper | undefined {
    return this.#keptTime || this.#keptSerial ? this : undefined
  }

  /** Puts into the copy of a taped statement what its first answer showed. */
  apply(copy: Exchange, original: Exchange): void {
    if (!isCandidate(original)) return
    const text = this.#kept(original.text ?? '', original)
    if (text === undefined) return
    copy.text = text
    copy.name = undefined
  }

  /** Gives the copy its own text back: another replay has to look at it afresh. */
  restore(copy: Exchange, original: Exchange): void {
    copy.text = original.text
    copy.name = original.name
  }

  /**
   * Lets the time stand still in a statement that comes after the replay.
   * @returns false when the statement would see that a number was not drawn by this session
   */
  follow(exchange: Exchange): boolean {
    if (this.#keptSerial && sees(exchange)) return false
    if (redefines(exchange) || renames(exchange)) this.#namesHold = false
    if (!this.#keptTime || !isCandidate(exchange)) return true
    const kept = this.#kept(exchange.text ?? '', undefined)
    if (kept !== undefined) {
      exchange.text = kept
      exchange.name = undefined
    }
    return true
  }

  #kept(text: string, answered: Exchange | undefined): string | undefined {
    const tree = this.#parser.read(text)
    if (tree === undefined || !isRewritable(tree)) return undefined
    try {
      const timed = this.#clock?.set(tree) === true
      const { defaults, values, serial } = this.#keepValues(tree, answered)
      if (!timed && !defaults && !values) return undefined
      const kept = this.#parser.write(tree)
      if (kept === undefined) return undefined
      this.#keptTime ||= timed || defaults
      this.#keptSerial ||= serial
      return kept
    } catch {
      // Half a rewrite is none.
      return undefined
    }
  }

  #keepValues(tree: Node, answered: Exchange | undefined): Done {
    const { InsertStmt: insert, UpdateStmt: update, SelectStmt: select } = tree
    if (select !== undefined) return answered ? this.#keepTargets(select, answered) : nothing
    const relation = insert?.relation ?? update?.relation
    const shape = answered?.shape ?? []
    const table = relation && this.#tableOf(relation, shape)
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
    const known = { table, rows, place, serials: this.#serials, timed }
    return { ...keepInsert(insert, known, this.#parser), defaults }
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
  #tableOf(relation: Relation, shape: readonly FieldDef[]): Table | undefined {
    for (const { tableID } of shape) {
      const table = this.#catalog.byOid(tableID)
      if (table?.name === relation.relname) return table
    }
    return this.#namesHold ? this.#catalog.byName(relation) : undefined
  }
}

const rewritable = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']

/** Anything else that speaks of time (a default, a view) means the time at which it will be used. */
function isRewritable(tree: Node): boolean {
  return rewritable.some((kind) => kind in tree)
}

/** What a statement is answered that a {@link Keeper} would not let follow. */
export function unfollowable(): DivergedError {
  const cause = new Error(
    'currval() and lastval() do not know of a number that another session drew',
  )
  return new DivergedError({ condition: 'connection_failure', attempts: 1, cause })
}
