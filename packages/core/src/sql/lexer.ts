import {
  AMPERSAND,
  BRACKET,
  CLOSE,
  COLON,
  classOf,
  continuesName,
  DASH,
  DIGIT,
  DOLLAR,
  DOT,
  DOUBLE_QUOTE,
  isQuote,
  isStringPrefix,
  MARK,
  markOf,
  NAME,
  OPEN,
  OPERATOR,
  pastSpace,
  QUOTE,
  SEMICOLON,
  SLASH,
  STAR,
} from './characters.ts'
import { hashSeed, hashStep, keywordAt } from './keywords.ts'
import { lastConstant, lastRow } from './lists.ts'
import {
  commentEnd,
  digitsEnd,
  dollarEnd,
  lineEnd,
  numberEnd,
  quotedEnd,
  type Scan,
  stringEnd,
} from './literals.ts'
import type { Tokens } from './tokens.ts'

/**
 * The comment by which the author of a statement says that it may be executed once more when nobody
 * knows whether it was: an upsert, a delete by key, a setting to a fixed value.
 */
export const idempotentMark = '/* reprise:idempotent */'

/**
 * Splits a text as PostgreSQL's lexer does (src/backend/parser/scan.l) with standard_conforming_strings
 * on, in one pass. Whatever is left open at the end reaches to the end and makes the text ambiguous.
 * Of a list of constants it may hand out the last one alone, and of rows of constants the last row.
 */
export class Lexer implements Tokens, Scan {
  readonly text: string
  readonly words: string[] = []
  readonly starts: number[] = []
  readonly ends: number[] = []
  shortened = false
  /** Something is not closed, or two servers may disagree on where a string ends. */
  ambiguous: boolean
  /** A comment of it is the mark {@link idempotentMark}. */
  idempotent = false
  /** How far it has come. */
  at = 0
  #rowsFrom = -1
  #rowsTo = -1

  constructor(text: string) {
    this.text = text
    // No server ever sees what follows a NUL: the protocol ends strings there.
    this.ambiguous = text.includes('\0')
  }

  get done(): boolean {
    return this.at >= this.text.length
  }

  /** Forgets its tokens. */
  forget(): void {
    this.words.length = 0
    this.starts.length = 0
    this.ends.length = 0
    this.shortened = false
  }

  /** As {@link lastRow}; rows by the million are gone through once, whoever asks for them. */
  lastRow(at: number): number {
    if (at !== this.#rowsFrom) {
      this.#rowsTo = lastRow(this, at)
      this.#rowsFrom = at
    }
    return this.#rowsTo
  }

  /** Adds the tokens up to and with the next semicolon. */
  next(): void {
    const { text, words, starts, ends } = this
    let depth = 0
    // How deep the rows of a VALUES stand.
    let rows = -1
    for (;;) {
      let start = pastSpace(text, this.at)
      this.at = start
      if (start >= text.length) return
      const code = text.charCodeAt(start)
      if (code === CLOSE) depth--
      else if (code === OPEN) {
        const before = words[words.length - 1]
        if (before === 'VALUES') rows = depth
        const row = depth === rows && (before === 'VALUES' || before === ',')
        if (row) start = this.#skip(start, this.lastRow(start))
        this.at = start + 1
        if (row || before === 'IN') this.#skipConstants()
        words.push('(')
        starts.push(start)
        ends.push(start + 1)
        depth++
        continue
      }
      const word = this.#word(start, code)
      if (word === '') continue
      words.push(word)
      starts.push(start)
      ends.push(this.at)
      if (code === SEMICOLON) return
      if (code === BRACKET) this.#skipConstants()
    }
  }

  #skipConstants(): void {
    const from = pastSpace(this.text, this.at)
    this.at = this.#skip(from, lastConstant(this, from))
  }

  #skip(from: number, to: number): number {
    if (to > from) this.shortened = true
    return to
  }

  /** The word at `start`, past which it goes; '' for none. */
  #word(start: number, code: number): string {
    const { text } = this
    const next = text.charCodeAt(start + 1)
    switch (classOf(code)) {
      case NAME:
        if (next === QUOTE && isStringPrefix(code)) {
          this.at = stringEnd(this, start + 2, code | 32)
          return 'string'
        }
        if (next === AMPERSAND && (code | 32) === 117 && isQuote(text.charCodeAt(start + 2))) {
          const string = text.charCodeAt(start + 2) === QUOTE
          this.at = string ? stringEnd(this, start + 3, code | 32) : quotedEnd(this, start + 3)
          return string ? 'string' : 'quoted'
        }
        return this.#name(start, code)
      case DIGIT:
        this.at = numberEnd(text, start)
        return 'number'
      case OPERATOR:
        if (code === DASH && next === DASH) {
          this.at = lineEnd(text, start)
          return ''
        }
        if (code === SLASH && next === STAR) {
          this.idempotent ||= text.startsWith(idempotentMark, start)
          this.at = commentEnd(this, start + 2)
          return ''
        }
        // One character at a time, so that a comment may begin inside an operator, as it does.
        break
      case MARK:
        if (code === DOT && classOf(next) === DIGIT) {
          this.at = numberEnd(text, start)
          return 'number'
        }
        if (code === COLON && next === COLON) {
          this.at = start + 2
          return '::'
        }
        break
      default:
        return this.#other(start, code, next)
    }
    this.at = start + 1
    return markOf[code] as string
  }

  #name(start: number, first: number): string {
    const { text } = this
    let hash = hashSeed
    let at = start
    let letter = first
    do {
      hash = hashStep(hash, letter)
      letter = text.charCodeAt(++at)
    } while (continuesName(letter))
    this.at = at
    return keywordAt(text, start, at, hash) ?? 'name'
  }

  #other(start: number, code: number, next: number): string {
    const { text } = this
    if (code === QUOTE) {
      this.at = stringEnd(this, start + 1, 0)
      return 'string'
    }
    if (code === DOUBLE_QUOTE) {
      this.at = quotedEnd(this, start + 1)
      return 'quoted'
    }
    if (code === DOLLAR && classOf(next) === DIGIT) {
      this.at = digitsEnd(text, start + 1)
      return 'parameter'
    }
    this.at = code === DOLLAR ? dollarEnd(this, start) : start + 1
    return this.at > start + 1 ? 'string' : 'operator'
  }
}
