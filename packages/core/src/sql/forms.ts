import {
  CLOSE,
  classOf,
  continuesName,
  DIGIT,
  DOLLAR,
  DOT,
  DOUBLE_QUOTE,
  NAME,
  OPEN,
  pastSpace,
  SEMICOLON,
  SPACE,
} from './characters.ts'
import { gapEnd, listEnd, markAt, VALUE } from './gaps.ts'
import type { Lexer } from './lexer.ts'
import { quotedEnd } from './literals.ts'

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
  /** The same in pieces, and the marks between them; '' stands where many rows may be. */
  readonly pieces: readonly string[]
  readonly marks: readonly string[]
}

/** Longer ones are not worth to be kept. */
const longest = 4096

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
  const pieces: string[] = []
  const marks: string[] = []
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
      const mark = markAt(code)
      if (code !== DOLLAR) inlined = true
      const piece = text.slice(from, at)
      written += piece + mark
      pieces.push(piece)
      marks.push(mark)
      at = mark === VALUE ? listEnd(lexer, end) : end
      from = at
    } else if (code === OPEN && rows) {
      const piece = text.slice(from, at)
      written += piece
      pieces.push(piece)
      marks.push('')
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
  const piece = text.slice(from, at)
  written += piece
  pieces.push(piece)
  return written.length > longest
    ? undefined
    : { written, end: Math.min(at + 1, text.length), inlined, pieces, marks }
}

/**
 * Whether all that the lexer has before it is one statement of this form, with a value in it that is no
 * parameter: what {@link formAt} would find, with a fraction of the looking.
 */
export function fits({ pieces, marks }: Form, lexer: Lexer): boolean {
  const { text } = lexer
  let at = pastSpace(text, lexer.at)
  let inlined = false
  for (let i = 0; ; i++) {
    const piece = pieces[i] as string
    if (!text.startsWith(piece, at)) return false
    at += piece.length
    const code = text.charCodeAt(at)
    const mark = marks[i]
    if (mark === undefined) {
      const over = code === SEMICOLON ? at + 1 : at
      return inlined && over === text.length && !lexer.ambiguous
    }
    if (mark === '') {
      if (code !== OPEN) return false
      at = lexer.lastRow(at)
      continue
    }
    if (mark !== markAt(code) || (piece !== '' && joins(text.charCodeAt(at - 1), code)))
      return false
    const end = gapEnd(lexer, at, code)
    if (end <= at) return false
    if (code !== DOLLAR) inlined = true
    at = mark === VALUE ? listEnd(lexer, end) : end
  }
}

/** Whether what begins with a character is one with what ends before it: a name, a number. */
function joins(before: number, code: number): boolean {
  return continuesName(before) ? continuesName(code) : before === DOT && classOf(code) === DIGIT
}
