import { analyze, clock, type Statement } from '@reprise/core'
import type { Database } from '../catalog/database.ts'
import { leftBy } from '../catalog/leaving.ts'
import type { Reached } from '../catalog/reach.ts'
import { untold } from '../catalog/read-reach.ts'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { arrayOf, factsText, mentionedIn, namesIn, readFacts } from './session-facts.ts'
import type { SessionState } from './state.ts'
import { type Ran, Unjudged } from './unjudged.ts'

/** The longest text that is searched for names of settings. */
const longestSearched = 64 * 1024

/**
 * What statements may have changed in the session out of sight: by functions, triggers, policies,
 * views, whatever the catalog says that they reach. It is asked of the server before anything else
 * runs; what was not asked before the connection ended is judged on the next one.
 */
export class SessionInquiry {
  readonly #database: Database
  readonly #state: SessionState
  /** Whether the session is to be asked. */
  #due = false
  /** Whether that is because something was reached, which nobody has seen. */
  #reached = false
  /** Names of settings that statements were given: whether they are any, the server says. */
  readonly #given = new Set<string>()
  /** Of each that made what has no name: the names that it was given. */
  #unnamed: (readonly string[])[] = []
  /** What ran before the catalog was read; and what may reach something of what the open transaction ran. */
  readonly #unjudged = new Unjudged()
  readonly #inside = new Unjudged()
  /** Whether that ran anything, which may reach more than is known by now. */
  #ranInside = false
  /** When something ran last that nobody has asked after, and what was known then. */
  #ranAt: number | undefined
  #epoch: number
  /** What was known then of what has no name, if anything ran that may have reached more of it. */
  #unnamedEpoch: number | undefined

  constructor(state: SessionState, database: Database) {
    this.#state = state
    this.#database = database
    this.#epoch = database.epoch
  }

  /** Whether there is something to ask on this connection. */
  isDue({ usable, tells }: Connection): boolean {
    if (!usable || !tells) return false
    return this.#isDue || (this.#ranAt !== undefined && this.#database.isDue(this.#ranAt))
  }

  get #isDue(): boolean {
    const late = this.#ranAt !== undefined && this.#epoch !== this.#database.epoch
    const judgeable = !this.#unjudged.empty && this.#database.reach !== undefined
    return this.#due || this.#state.unsure || late || judgeable
  }

  /**
   * Takes note of a statement that has its answer; `open` says that it left a transaction open.
   * @param at when it had its answer, by the clock of `performance.now()`; by default it is now
   */
  note(ran: Ran, open: boolean, { tells }: Connection, at?: number): void {
    const { statement, text = '' } = ran
    const defines = mayDefine(statement, text)
    // Whatever is made while the search_path begins with pg_temp is temporary.
    const makes = statement.verb === 'CREATE' || statement.kind === 'several'
    if (statement.anchors || (defines && (makes || this.#state.anchor))) {
      this.#due = true
      this.#learnNames(text)
    }
    if (defines) this.#database.change()
    if (!open && this.#ranInside) this.#leave(at)
    if (statement.passing || statement.count === 0 || !tells) return
    const mayReach = statement.kind !== 'definition' || !onlyDefines.test(text)
    if (mayReach) this.#unnamedEpoch ??= this.#database.unnamedEpoch
    if (open) {
      // A loss of the transaction loses nothing of this: it is executed again.
      this.#ranInside = true
      if (this.#reachedBy(ran) !== 'nothing') this.#inside.add(ran)
      return
    }
    this.#hasRun(at)
    if (this.#database.reach !== undefined) this.#judge(ran)
    else this.#unjudged.add(ran)
  }

  #reachedBy(ran: Ran): Reached {
    const { reach } = this.#database
    if (reach === undefined) return 'askable'
    const { statement, text } = isQuery(ran.statement) ? ran : this.#executed(ran)
    return leftBy(reach, statement, text)
  }

  /**
   * Reads the catalog where that is due, then the session where something may have changed it.
   * @throws Interrupted when the connection ends
   */
  async ask(ask: Inquiry, connection: Connection): Promise<boolean> {
    const { client } = connection
    if (this.#database.isDue()) await this.#database.refresh(ask, connection)
    if (this.#database.reach !== undefined) this.#judgeAll(this.#unjudged)
    if (!this.#isDue) return true
    // What ran was judged by less than there was, and what it left may have no name.
    if ((this.#unnamedEpoch ?? this.#database.unnamedEpoch) !== this.#database.unnamedEpoch) {
      this.#unnamed.push([])
    }
    const names = new Set([...this.#state.names(), ...this.#database.settings, ...this.#given])
    const { rows, code } = await ask(factsText, [arrayOf(names)])
    // Another time it may say.
    if (code !== undefined && !untold.test(code)) return true
    const facts = code === undefined && rows.length > 0 ? readFacts(rows) : undefined
    // A pooler has answered for another backend.
    const told = facts !== undefined && facts.pid === client.processID
    if (told) {
      this.#state.learn(facts)
      const seen = (name: string): boolean => typeof facts.settings.get(`set:${name}`) === 'string'
      if (!this.#unnamed.every((names) => names.some(seen))) this.#state.hide()
    }
    const [ranAt, unnamedEpoch] = [this.#ranAt, this.#unnamedEpoch]
    this.clear()
    // By names that nobody knew yet it was not asked.
    if (ranAt !== undefined && !this.#database.isKnownSince(ranAt)) {
      this.#ranAt = ranAt
      this.#unnamedEpoch = unnamedEpoch
    }
    return told
  }

  /**
   * The connection ended before anybody asked.
   * @returns whether something may have gone with it that nobody has seen
   */
  lost(): boolean {
    const unseen = this.#reached
    if (unseen) this.#state.forget(unseenChange)
    this.#due = false
    this.#reached = false
    this.#unnamed = []
    return unseen || !this.#unjudged.empty
  }

  /**
   * Judges on a new connection what ran on those that were lost, by what the catalog says now.
   * @throws Interrupted when the connection ends
   */
  async judgeLost(ask: Inquiry, connection: Connection): Promise<void> {
    if (this.#ranAt === undefined) return
    const known = await this.#database.knowSince(this.#ranAt, ask, connection)
    const late = this.#epoch !== this.#database.epoch || !known
    this.#judgeAll(this.#unjudged)
    if (this.#reached || late) this.#state.forget(unseenChange)
    this.clear()
  }

  /** There is nothing to ask any more. */
  clear(): void {
    this.#due = false
    this.#reached = false
    this.#unnamed = []
    this.#unjudged.clear()
    this.#given.clear()
    this.#ranAt = undefined
    this.#unnamedEpoch = undefined
    this.#epoch = this.#database.epoch
  }

  #hasRun(at = clock.now()): void {
    if (this.#ranAt === undefined) this.#epoch = this.#database.epoch
    this.#ranAt = at
  }

  /** The transaction is over: what it did is there, if it was not lost. */
  #leave(at: number | undefined): void {
    this.#hasRun(at)
    this.#ranInside = false
    const { many } = this.#inside
    for (const ran of this.#inside.take()) this.#unjudged.add(ran)
    this.#unjudged.many ||= many
    if (this.#database.reach !== undefined) this.#judgeAll(this.#unjudged)
  }

  #judgeAll(list: Unjudged): void {
    if (list.many) {
      this.#due = true
      this.#reached = true
      this.#unnamed.push([])
    }
    for (const ran of list.take()) this.#judge(ran)
  }

  #judge(ran: Ran): void {
    const reached = this.#reachedBy(ran)
    if (reached === 'nothing') return
    this.#due = true
    this.#reached = true
    const searched = [this.#executed(ran).text ?? '', ...stringsAmong(ran.values)]
    for (const each of searched) this.#learnNames(each)
    if (reached !== 'unnamed') return
    this.#unnamed.push(searched.flatMap((each) => [...namesIn(each), ...mentionedIn(each).given]))
  }

  /** What an EXECUTE does is what the prepared statement does, where its text is known. */
  #executed(ran: Ran): Pick<Ran, 'statement' | 'text'> {
    const { statement, text } = ran
    if (text === undefined || !/\bexecute\b/i.test(text)) return ran
    const unknown = { statement, text: undefined }
    if (statement.count !== 1) return unknown
    const [, name] = /^\s*execute\s+([a-z_]\w*)/i.exec(text) ?? []
    const prepared = name === undefined ? undefined : this.#state.prepared(name.toLowerCase())
    const [, query] = /^prepare\s+\w+\s*(?:\([^()]*\))?\s*\bas\s+(.*)$/is.exec(prepared ?? '') ?? []
    return query === undefined ? unknown : { statement: analyze(query), text: query }
  }

  #learnNames(text: string): void {
    if (text.length > longestSearched) return
    for (const name of [...namesIn(text), ...mentionedIn(text).all]) this.#given.add(name)
  }
}

const unseenChange = 'what a function may have left in the session'

/** Definitions that evaluate nothing, and fire no trigger that they have made themselves. */
const onlyDefines =
  /^\s*create\s+(or\s+replace\s+)?(constraint\s+)?(function|procedure|trigger|rule|policy)\b/i

/** Whether a statement may have changed the catalog. */
function mayDefine({ kind, members }: Statement, text: string): boolean {
  if (kind === 'several') return members.some((member) => member.kind === 'definition')
  if (kind === 'definition') return true
  return kind === 'procedure' && /\b(create|alter|drop)\b/i.test(text)
}

/** Whether it is a plain query, in which no EXECUTE can stand: most are, and are not searched for one. */
function isQuery({ kind, verb, ambiguous }: Statement): boolean {
  return (kind === 'read' || kind === 'write') && plain.has(verb) && !ambiguous
}

const plain: ReadonlySet<string> = new Set('SELECT INSERT UPDATE DELETE'.split(' '))

function stringsAmong(values: readonly unknown[] | undefined): string[] {
  return (values ?? []).filter((value) => typeof value === 'string')
}
