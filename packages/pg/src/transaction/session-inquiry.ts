import { analyze, type Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Exchange, ExchangeClass } from '../exchange/exchange.ts'
import {
  type FormHistories,
  type FormHistory,
  isToBeAsked,
  newHistory,
} from '../exchange/form-history.ts'
import { arrayOf, factsText, mentionedIn, readFacts } from './session-facts.ts'
import type { SessionState } from './state.ts'

/** The longest text that is searched for names of settings, or recognised by its statements. */
const longestSearched = 64 * 1024

/** What the answer may take, in bytes. */
const mostBytes = 1024 * 1024

/**
 * What has to be asked of the server before anything else runs on the session: statements may have
 * changed it out of sight.
 */
export class SessionInquiry {
  readonly #histories: FormHistories
  readonly #names: Set<string>
  readonly #state: SessionState
  #due = false
  #unknown = false
  #undone = false
  #discover = false
  #suspects = new Set<FormHistory>()

  /**
   * @param histories what is known of statements
   * @param names the settings to ask after, which the sessions of one database share
   */
  constructor(state: SessionState, histories: FormHistories, names: Set<string>) {
    this.#state = state
    this.#histories = histories
    this.#names = names
  }

  /** Whether there is something to ask on this connection. */
  isDue(connection: Connection): boolean {
    return (this.#due || this.#state.unsure) && connection.usable && connection.tells
  }

  /** Takes note of a statement that has its answer; `failed` says that it, or a part, was undone. */
  note(statement: Statement, text: string, failed: boolean, connection: Connection): void {
    const hides = statement.verb === 'EXECUTE' ? this.#executed(statement, text) : statement.hides
    if (failed || statement.rollsBack || statement.members.some(goesBack)) this.#undone = true
    if (hides === 'nothing' || !connection.tells) return
    if (hides === 'anchors' || (statement.kind === 'definition' && this.#state.anchor)) {
      this.#due = true
    } else {
      // To recognise many statements in a long text takes longer than to ask after them.
      const long = statement.count > 1 && text.length > longestSearched
      const history = long ? newHistory() : this.#histories.of(statement, text)
      if (!isToBeAsked(history)) return
      this.#due = true
      this.#suspects.add(history)
      if (hides === 'anything' && !history.harmless) this.#unknown = true
      if (history.ran === 1) this.#discover = true
    }
    if (text.length <= longestSearched) {
      for (const name of mentionedIn(text)) this.#names.add(name)
    }
  }

  /** What an EXECUTE hides is what the prepared statement does, where its text is known. */
  #executed({ hides, count }: Statement, text: string): Statement['hides'] {
    const [, name] = count === 1 ? (/^\s*execute\s+([a-z_]\w*)/i.exec(text) ?? []) : []
    const prepared = name === undefined ? undefined : this.#state.prepared(name.toLowerCase())
    const [, query] = /^prepare\s+\w+\s+as\s+(.*)$/is.exec(prepared ?? '') ?? []
    return query === undefined ? hides : analyze(query).hides
  }

  /** The question, ready to be sent. */
  question(Kind: ExchangeClass): Exchange {
    const names = new Set([...this.#state.names(), ...this.#names])
    const discover = this.#discover || this.#names.size === 0
    const exchange = new Kind({ text: factsText(discover), values: [arrayOf(names)] })
    exchange.tapeLimit = mostBytes
    return exchange
  }

  /** What the answer changes; nothing where a pooler answered for another backend, or it was refused. */
  answered(exchange: Exchange, connection: Connection): void {
    const facts = exchange.taped === undefined ? undefined : readFacts(exchange.taped)
    const told =
      exchange.error === undefined &&
      facts !== undefined &&
      facts.pid === connection.client.processID
    if (!told) connection.tells = false
    else {
      for (const name of facts.mentioned) this.#names.add(name)
      const changed = this.#state.learn(facts)
      for (const history of this.#suspects) {
        if (changed === true) history.changes = true
        else if (changed === false && !this.#undone) history.harmless = true
      }
    }
    this.clear()
  }

  /**
   * The connection ended before anybody asked.
   * @returns whether something may have gone with it that nobody has seen
   */
  lost(): boolean {
    const unknown = this.#unknown
    if (unknown) this.#state.forget('what a function may have left in the session')
    this.clear()
    return unknown
  }

  /** There is nothing to ask any more. */
  clear(): void {
    this.#due = false
    this.#unknown = false
    this.#undone = false
    this.#discover = false
    this.#suspects = new Set()
  }
}

function goesBack({
  savepoint,
}: {
  readonly savepoint: { readonly act: string } | undefined
}): boolean {
  return savepoint?.act === 'back'
}
