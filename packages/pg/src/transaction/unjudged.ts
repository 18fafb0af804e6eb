import type { Statement } from '@reprise/core'
import { mentionedIn, namesIn } from './session-facts.ts'

/** A statement that has its answer. */
export interface Ran {
  readonly statement: Statement
  /** Undefined where it cannot be read. */
  readonly text: string | undefined
  readonly values: readonly unknown[] | undefined
}

/** So many forms of statements, and names that they were given, are remembered. */
const most = 1000

/** The longest text that is searched for names. */
const longest = 64 * 1024

/**
 * Statements that are judged later, one of each form: those that differ only in their values are one,
 * with the names of settings that any of them was given.
 */
export class Unjudged {
  /** Whether there were more than could be kept: what those did nobody knows. */
  many = false
  readonly #forms = new Map<Statement, { readonly ran: Ran; readonly names: Set<string> }>()

  get empty(): boolean {
    return this.#forms.size === 0 && !this.many
  }

  add(ran: Ran): void {
    const { statement, text = '', values } = ran
    const known = this.#forms.get(statement)
    if (known === undefined && this.#forms.size >= most) {
      this.many = true
      return
    }
    const names = known?.names ?? new Set()
    if (known === undefined) this.#forms.set(statement, { ran: { ...ran, values: [] }, names })
    for (const value of values ?? []) {
      if (typeof value !== 'string' || value.length > longest) continue
      for (const name of [...namesIn(value), ...mentionedIn(value).given]) names.add(name)
    }
    if (known !== undefined && text !== known.ran.text && text.length <= longest) {
      for (const name of mentionedIn(text).given) names.add(name)
    }
    if (names.size > most) this.many = true
  }

  /** Hands all of them over. */
  *take(): Iterable<Ran> {
    for (const { ran, names } of this.#forms.values()) yield { ...ran, values: [...names] }
    this.clear()
  }

  clear(): void {
    this.#forms.clear()
    this.many = false
  }
}
