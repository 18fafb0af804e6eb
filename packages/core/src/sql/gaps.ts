import {
  BACKSLASH,
  CLOSE,
  COMMA,
  classOf,
  DASH,
  DIGIT,
  DOLLAR,
  DOT,
  pastSpace,
  QUOTE,
  SLASH,
  STAR,
} from './characters.ts'
import { idempotentMark, type Lexer } from './lexer.ts'
import { constantEnd } from './lists.ts'
import { commentEnd, digitsEnd, dollarEnd, lineEnd, numberEnd } from './literals.ts'

/*
 * What stands in the gaps of a form: a value or a list of them, or a comment.
 */

// A NUL stands in no text that is asked after, so that marks are never part of what is written.
/** Stands for a value, or for a list of them. */
export const VALUE = "\0'"
const LINE_COMMENT = '\0-'
const COMMENT = '\0*'

/** What stands for the gap that begins with a character. */
export function markAt(code: number): string {
  return code === DASH ? LINE_COMMENT : code === SLASH ? COMMENT : VALUE
}

/** Past the value or the comment at `at`; `at` if there is none, -1 if it may not be passed over. */
export function gapEnd(lexer: Lexer, at: number, code: number): number {
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
export function listEnd(lexer: Lexer, at: number): number {
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
