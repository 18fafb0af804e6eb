import { DivergedError, type Log, type Statement } from '@reprise/core'
import type { FieldDef } from 'pg'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { instantOf } from '../connection/instant.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Exchange, ExchangeClass } from '../exchange/exchange.ts'
import { isSameTransaction } from '../witness/same-transaction.ts'
import type { Witness } from '../witness/witness.ts'
import { Catalog, type Table } from './keep-catalog.ts'
import { fillsInTime } from './keep-default.ts'
import { isRewritable, type Rewrite, Rewriter } from './keep-rewrite.ts'
import {
  isCandidate,
  isTimeless,
  learnt,
  redefines,
  renames,
  type Sent,
  sees,
  touchesSequence,
} from './keep-scope.ts'
import { Sight, speaks } from './keep-sight.ts'
import { Clock, instantForm } from './keep-time.ts'
import { loadParser, type Parser } from './parser.ts'
import type { Node, Relation } from './tree.ts'

/** What is known of a transaction that was lost. */
export interface Lost {
  readonly tape: readonly Exchange[]
  readonly witness: Witness | undefined
  /** What kept its values, if it was itself a replay. */
  readonly keeper: Keeper | undefined
}

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
 *   behind numbers that no commit had brought to the disk, so in another incarnation none is kept,
 *   nor in a copy of the server's data that was made before, nor in another database of that name.
 *   With ON CONFLICT DO UPDATE it may be the number of a row that was there; if somebody deleted that
 *   meanwhile, a row with the same key takes it over, and still nobody else ever gets it;
 * - where a sequence was set or made by the transaction itself, it gives the same numbers again, and
 *   giving them as values would leave it behind: after such statements no number is kept. Neither is
 *   one where currval() or lastval() could see that this session never drew it;
 * - triggers, rules and conflict clauses that could see a difference between a value and the
 *   same value made by a default are looked for in the catalog and in the statement;
 * - the time at which the transaction began is one for all of its statements, and for whatever they
 *   set going. So it is kept only where nothing sees another one, {@link Sight}: in every statement of
 *   the tape and in those to come, {@link Keeper.follow}, or in none. Where none is kept, the replay has
 *   one new time, and an answer that showed the old one diverges.
 */
export class Keeper {
  readonly #parser: Parser
  readonly #catalog: Catalog
  readonly #instant: string | undefined
  readonly #rewriter: Rewriter
  readonly #rewrites = new Map<Exchange, Rewrite>()
  /** What is known of texts that are sent as they are. */
  readonly #blind = new Map<string, boolean>()
  #sight: Sight | undefined
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
    const clock = instant === undefined ? undefined : new Clock(parser, instant)
    this.#rewriter = new Rewriter(parser, catalog, clock, serials, namesHold)
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
    log: Log | undefined,
  ): Promise<Keeper | undefined> {
    const { tape, witness } = lost
    const [first] = tape
    if (first === undefined || !connection.reported.conformingStrings) return undefined
    if (!tape.some(isCandidate) || tape.some(redefines)) return undefined
    const parser = await loadParser(log)
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
      !catalog.asksSequences &&
      !tape.some(touchesSequence) &&
      !catalog.entry.isNewerThan(witness.xid) &&
      (await isSameTransaction(witness, catalog.incarnation, ask))
    const instant = [lost.keeper?.instant, instantOf(witness?.began), learnt(tape, parser)].find(
      (known) => known !== undefined && instantForm.test(known),
    )
    const namesHold = !tape.some(renames)
    const keeper = new Keeper(parser, catalog, instant, serials, namesHold)
    if (instant === undefined || (await keeper.#canKeepTime(tape, ask))) return keeper
    return new Keeper(parser, catalog, undefined, serials, namesHold)
  }

  /** Whether the time of the transaction, if it is kept at all, is the only one that anything sees. */
  async #canKeepTime(tape: readonly Exchange[], ask: Inquiry): Promise<boolean> {
    let timed = false
    for (const exchange of tape) {
      if (!isCandidate(exchange)) continue
      const rewrite = this.#rewriter.rewrite(exchange.text ?? '', exchange)
      this.#rewrites.set(exchange, rewrite)
      timed ||= rewrite.timed
    }
    if (!timed) return true
    this.#sight = await Sight.read(ask)
    return tape.every((exchange) => exchange.error !== undefined || this.#isBlind(exchange))
  }

  /** Whether it keeps the time that another replay kept before it. */
  keeps(instant: string): boolean {
    return this.#instant === instant
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
    const { text = '' } = original
    this.#write(copy, this.#rewrites.get(original) ?? this.#rewriter.rewrite(text, original))
    this.#rewrites.delete(original)
  }

  /** Gives the copy its own text back: another replay has to look at it afresh. */
  restore(copy: Exchange, original: Exchange): void {
    copy.text = original.text
    copy.name = original.name
  }

  /**
   * Lets the time stand still in a statement that comes after the replay.
   * @returns false when the statement would see that a number was not drawn by this session, or
   *   another time than the one that was kept
   */
  follow(exchange: Exchange): boolean {
    if (this.#keptSerial && sees(exchange)) return false
    if (redefines(exchange) || renames(exchange)) {
      this.#rewriter.namesHold = false
      this.#blind.clear()
    }
    if (!this.#keptTime) return true
    if (isCandidate(exchange)) {
      const rewrite = this.#rewriter.rewrite(exchange.text ?? '', undefined)
      this.#rewrites.set(exchange, rewrite)
      this.#write(exchange, rewrite)
    }
    const blind = this.#isBlind(exchange)
    this.#rewrites.delete(exchange)
    return blind
  }

  /** Whether somebody who drives the wire himself may send a statement, which goes as it is. */
  admits(statement: Statement, text: string, values: readonly unknown[] | undefined): boolean {
    const load: Sent = { statement, text, values, error: undefined, shape: undefined }
    if (this.#keptSerial && sees(load)) return false
    return !this.#keptTime || this.#isBlind(load)
  }

  #write(exchange: Exchange, { text, timed, serial }: Rewrite): void {
    if (text === undefined) return
    exchange.text = text
    exchange.name = undefined
    this.#keptTime ||= timed
    this.#keptSerial ||= serial
  }

  /** Whether a statement, as it is sent, sees no time but the one that is kept. */
  #isBlind(sent: Sent): boolean {
    const { statement, text = '', values, shape = [] } = sent
    if (this.#sight === undefined) return false
    if (isTimeless(statement)) return true
    if (statement.kind === 'several' || values?.some(speaks)) return false
    const rewrite = this.#rewrites.get(sent as Exchange)
    if (rewrite !== undefined) return this.#isBlindTree(rewrite.tree, shape, this.#sight)
    let blind = this.#blind.get(text)
    if (blind === undefined) {
      blind = this.#isBlindTree(this.#parser.read(text), shape, this.#sight)
      this.#blind.set(text, blind)
    }
    return blind
  }

  #isBlindTree(tree: Node | undefined, shape: readonly FieldDef[], sight: Sight): boolean {
    if (tree === undefined || (!isRewritable(tree) && !isReadable(tree))) return false
    const table = (relation: Relation): Table | undefined => this.#rewriter.tableOf(relation, shape)
    return !sight.sees(tree) && !fillsInTime(tree, { sight, catalog: this.#catalog, table })
  }
}

/** Statements that hold a query, which is looked at like one. */
function isReadable(tree: Node): boolean {
  return ['DeclareCursorStmt', 'ExplainStmt', 'VariableShowStmt', 'TruncateStmt'].some(
    (kind) => kind in tree,
  )
}

/** What a statement is answered that a {@link Keeper} would not let follow. */
export function unfollowable(): DivergedError {
  const cause = new Error(
    'the transaction was replayed with the numbers and the time of its first execution, and this statement would see others: currval() and lastval() do not know of a number that another session drew, and a trigger, a view, a function or a default tells the time of the replay',
  )
  return new DivergedError({ condition: 'connection_failure', attempts: 1, cause })
}
