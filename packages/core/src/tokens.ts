import {
  AMPERSAND,
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
  OPERATOR,
  QUOTE,
  SLASH,
  SPACE,
  STAR,
} from './characters.ts'
import { hashSeed, hashStep, keywordAt } from './keywords.ts'
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

/**
 * The tokens of a text, side by side. A word is a keyword in upper case, a mark as it is written, or
 * in lower case the class of what stands there: `name`, `quoted`, `string`, `number`, `parameter`,
 * `operator`. Comments and white space leave nothing.
 */
export interface Tokens {
  readonly text: string
  readonly words: readonly string[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** Something is not closed, or two servers may disagree on where a string ends. */
  readonly ambiguous: boolean
  /** A comment of it is the mark {@link idempotentMark}. */
  readonly idempotent: boolean
}

/**
 * The comment by which the author of a statement says that it may be executed once more when nobody
 * knows whether it was: an upsert, a delete by key, a setting to a fixed value.
 */
const idempotentMark = '/* reprise:idempotent */'

/**
 * Splits a text as PostgreSQL's lexer does (src/backend/parser/scan.l) with standard_conforming_strings
 * on, in one pass. Whatever is left open at the end reaches to the end and makes the text ambiguous.
 */
export function tokenize(text: string): Tokens {
  const words: string[] = []
  const starts: number[] = []
  const ends: number[] = []
  const length = text.length
  // No server ever sees what follows a NUL: the protocol ends strings there.
  const scan: Scan = { text, ambiguous: text.includes('\0') }
  let idempotent = false
  let at = 0
  while (at < length) {
    const start = at
    const code = text.charCodeAt(at)
    const next = text.charCodeAt(at + 1)
    let word: string
    switch (classOf(code)) {
      case SPACE:
        at++
        continue
      case NAME:
        if (next === QUOTE && isStringPrefix(code)) {
          word = 'string'
          at = stringEnd(scan, at + 2, code | 32)
        } else if (next === AMPERSAND && (code | 32) === 117 && isQuote(text.charCodeAt(at + 2))) {
          const string = text.charCodeAt(at + 2) === QUOTE
          word = string ? 'string' : 'quoted'
          at = string ? stringEnd(scan, at + 3, code | 32) : quotedEnd(scan, at + 3)
        } else {
          let hash = hashSeed
          let letter = code
          do {
            hash = hashStep(hash, letter)
            letter = text.charCodeAt(++at)
          } while (continuesName(letter))
          word = keywordAt(text, start, at, hash) ?? 'name'
        }
        break
      case DIGIT:
        word = 'number'
        at = numberEnd(text, at)
        break
      case OPERATOR:
        if (code === DASH && next === DASH) {
          at = lineEnd(text, at)
          continue
        }
        if (code === SLASH && next === STAR) {
          idempotent ||= text.startsWith(idempotentMark, at)
          at = commentEnd(scan, at + 2)
          continue
        }
        // One character at a time, so that a comment may begin inside an operator, as it does.
        word = markOf[code] as string
        at++
        break
      case MARK:
        if (code === DOT && classOf(next) === DIGIT) {
          word = 'number'
          at = numberEnd(text, at)
        } else if (code === COLON && next === COLON) {
          word = '::'
          at += 2
        } else {
          word = markOf[code] as string
          at++
        }
        break
      default:
        if (code === QUOTE) {
          word = 'string'
          at = stringEnd(scan, at + 1, 0)
        } else if (code === DOUBLE_QUOTE) {
          word = 'quoted'
          at = quotedEnd(scan, at + 1)
        } else if (code === DOLLAR && classOf(next) === DIGIT) {
          word = 'parameter'
          at = digitsEnd(text, at + 1)
        } else {
          at = code === DOLLAR ? dollarEnd(scan, at) : at + 1
          word = at > start + 1 ? 'string' : 'operator'
        }
    }
    words.push(word)
    starts.push(start)
    ends.push(at)
  }
  return { text, words, starts, ends, ambiguous: scan.ambiguous, idempotent }
}

/** What is written at token i. */
export function written(tokens: Tokens, i: number): string {
  return tokens.text.slice(tokens.starts[i], tokens.ends[i])
}

/**
 * The name that token i spells: folded to lower case unless quoted (src/backend/parser/scansup.c
 * folds ASCII only, in UTF-8). A U&"…" name stays as it is written, which equals no plain name.
 */
export function nameAt(tokens: Tokens, i: number): string {
  const name = written(tokens, i)
  if (tokens.words[i] !== 'quoted') return lower(name)
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** Lower case of ASCII letters only. */
export function lower(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Upper case of ASCII letters only, so that no name becomes a keyword by it. */
export function upper(name: string): string {
  return name.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}
