import {
  BACKSLASH,
  CLOSE,
  COMMA,
  classOf,
  continuesName,
  DASH,
  DIGIT,
  DOLLAR,
  DOT,
  DOUBLE_QUOTE,
  NAME,
  OPEN,
  pastSpace,
  QUOTE,
  SEMICOLON,
  SLASH,
  SPACE,
  STAR,
} from './characters.ts'
import { idempotentMark, type Lexer } from './lexer.ts'
import { constantEnd } from './lists.ts'
import { commentEnd, digitsEnd, dollarEnd, lineEnd, numberEnd, quotedEnd } from './literals.ts'

/** One statement without its values. */
export interface Form {
  /**
   * What is written, with a mark for each value or list of values and for each comment, and with one
   * row for many rows of values. Two statements with the same one have the same tokens, but for what
   * is written in literals and for how many of them stand in a list.
   */
  readonly written: string
  /** Where the statement ends in its text. */
  readonly end: number
  /** A value other than a parameter is written in it, so the same text may not come again. */
  readonly inlined: boolean
}

/** Longer ones are not worth to be kept. */
const longest = 4096

// A NUL stands in no text that is asked after, so that marks are never part of what is written.
const VALUE = "\0'"
const LINE_COMMENT = '\0-'
const COMMENT = '\0*'

/**
 * The form of the statement where the lexer is; undefined if it has no values, or may not be known by
 * its form: a string or a comment in it could be read in two ways, or is not closed.
 */
export function formAt(lexer: Lexer): Form | undefined {
  const { text } = lexer
  let at = pastSpace(text, lexer.at)
  // What is not written yet begins here.
  let from = at
  let written = ''
  let inlined = false
  let depth = 0
  let rows = false
  while (at < text.length) {
    const code = text.charCodeAt(at)
    const kind = classOf(code)
    if (kind === NAME) {
      const start = at
      do at++
      while (continuesName(text.charCodeAt(at)))
      rows = at - start === 6 && (code | 32) === 118 && /^values$/i.test(text.slice(start, at))
      continue
    }
    if (kind === SPACE) {
      at++
      continue
    }
    if (code === SEMICOLON) break
    const end = gapEnd(lexer, at, code)
    if (end < 0 || written.length > longest) return undefined
    if (end > at) {
      const mark = code === DASH ? LINE_COMMENT : code === SLASH ? COMMENT : VALUE
      if (code !== DOLLAR) inlined = true
      written += text.slice(from, at) + mark
      at = mark === VALUE ? listEnd(lexer, end) : end
      from = at
    } else if (code === OPEN && rows) {
      written += text.slice(from, at)
      from = lexer.lastRow(at)
      at = from + 1
      depth++
    } else {
      if (code === OPEN) depth++
      else if (code === CLOSE && --depth < 0) return undefined
      at = code === DOUBLE_QUOTE ? quotedEnd(lexer, at + 1) : at + 1
    }
    rows = false
  }
  if (written === '' || lexer.ambiguous || depth !== 0) return undefined
  written += text.slice(from, at)
  return written.length > longest
    ? undefined
    : { written, end: Math.min(at + 1, text.length), inlined }
}

/** Past the value or the comment at `at`; `at` if there is none, -1 if it may not be passed over. */
function gapEnd(lexer: Lexer, at: number, code: number): number {
  const { text } = lexer
  const next = text.charCodeAt(at + 1)
  switch (code) {
    case QUOTE:
      return unescapedEnd(text, at + 1)
    case DOLLAR:
      if (classOf(next) === DIGIT) return digitsEnd(text, at + 1)
      // A dollar alone opens nothing.
      return dollarEnd(lexer, at) === at + 1 ? at : dollarEnd(lexer, at)
    case DASH:
      return next === DASH ? lineEnd(text, at) : at
    case SLASH:
      if (next !== STAR) return at
      return text.startsWith(idempotentMark, at) ? -1 : commentEnd(lexer, at + 2)
    case DOT:
      return classOf(next) === DIGIT ? numberEnd(text, at) : at
    default:
      return classOf(code) === DIGIT ? numberEnd(text, at) : at
  }
}

/** Past a string that ends at the same place whatever its prefix says of backslashes; -1 if none does. */
function unescapedEnd(text: string, at: number): number {
  for (let from = at; ; ) {
    const quote = text.indexOf("'", from)
    if (quote < 0 || text.charCodeAt(quote - 1) === BACKSLASH) return -1
    if (text.charCodeAt(quote + 1) !== QUOTE) return quote + 1
    from = quote + 2
  }
}

/** Past the constants that follow behind one value in a list, each with a comma or the end behind it. */
function listEnd(lexer: Lexer, at: number): number {
  const { text } = lexer
  for (let end = at; ; ) {
    const comma = pastSpace(text, end)
    if (text.charCodeAt(comma) !== COMMA) return end
    const next = constantEnd(lexer, pastSpace(text, comma + 1))
    if (next < 0) return end
    const behind = text.charCodeAt(pastSpace(text, next))
    if (behind !== COMMA && behind !== CLOSE) return end
    end = next
  }
}
