import {
  BACKSLASH,
  classOf,
  continuesName,
  DASH,
  DIGIT,
  DOLLAR,
  DOT,
  DOUBLE_QUOTE,
  NAME,
  NEWLINE,
  QUOTE,
  RETURN,
  SLASH,
  SPACE,
} from './characters.ts'

/** A text under way. */
export interface Scan {
  readonly text: string
  /** Something was left open, or could be read in two ways. */
  ambiguous: boolean
}

/** Everything after an opening that is never closed belongs to it. */
function open(scan: Scan): number {
  scan.ambiguous = true
  return scan.text.length
}

/** Past the string whose inside begins at `at`; `prefix` is its letter in lower case, 0 for none. */
export function stringEnd(scan: Scan, at: number, prefix: number): number {
  const { text } = scan
  const escapes = prefix === 101
  // Only in these does a backslash mean something else with standard_conforming_strings off.
  const plain = prefix === 0 || prefix === 110
  let from = at
  for (;;) {
    const quote = text.indexOf("'", from)
    if (quote < 0) return open(scan)
    if (text.charCodeAt(quote - 1) === BACKSLASH && (escapes || plain)) {
      let backslashes = 1
      while (quote - backslashes > from && text.charCodeAt(quote - backslashes - 1) === BACKSLASH) {
        backslashes++
      }
      if (backslashes % 2 === 1) {
        if (escapes) {
          from = quote + 1
          continue
        }
        scan.ambiguous = true
      }
    }
    from = quote + 1
    if (text.charCodeAt(from) !== QUOTE) {
      const continued = continuation(text, from)
      if (continued === 0) return from
      from = continued
    } else from++
  }
}

/** A string goes on behind white space with a line break in it (scan.l: quotecontinue); 0 if not. */
function continuation(text: string, at: number): number {
  let broken = false
  for (let i = at; ; ) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) return broken ? i + 1 : 0
    if (code === DASH && text.charCodeAt(i + 1) === DASH) i = lineEnd(text, i)
    else if (classOf(code) === SPACE) {
      if (code === NEWLINE || code === RETURN) broken = true
      i++
    } else return 0
  }
}

/** Past the quoted name whose inside begins at `at`. */
export function quotedEnd(scan: Scan, at: number): number {
  for (let from = at; ; ) {
    const quote = scan.text.indexOf('"', from)
    if (quote < 0) return open(scan)
    if (scan.text.charCodeAt(quote + 1) !== DOUBLE_QUOTE) return quote + 1
    from = quote + 2
  }
}

/** Past the dollar-quoted string that begins at `at`, or past the dollar alone if none does. */
export function dollarEnd(scan: Scan, at: number): number {
  const { text } = scan
  let i = at + 1
  if (classOf(text.charCodeAt(i)) === NAME) {
    while (text.charCodeAt(i) !== DOLLAR && continuesName(text.charCodeAt(i))) i++
  }
  if (text.charCodeAt(i) !== DOLLAR) return at + 1
  const end = text.indexOf(text.slice(at, i + 1), i + 1)
  return end < 0 ? open(scan) : end + (i + 1 - at)
}

/** The end of the line; a comment ends there. */
export function lineEnd(text: string, at: number): number {
  let i = at
  while (i < text.length && text.charCodeAt(i) !== NEWLINE && text.charCodeAt(i) !== RETURN) i++
  return i
}

/** Past a comment whose inside begins at `at`; comments nest. */
export function commentEnd(scan: Scan, at: number): number {
  const { text } = scan
  let depth = 1
  // Whatever opens or closes a comment has a star in it.
  for (let from = at; ; ) {
    const star = text.indexOf('*', from)
    if (star < 0) return open(scan)
    if (star > from && text.charCodeAt(star - 1) === SLASH) depth++
    else if (text.charCodeAt(star + 1) === SLASH) {
      depth--
      if (depth === 0) return star + 2
      from = star + 2
      continue
    }
    from = star + 1
  }
}

/** Past the digits from `at` on. */
export function digitsEnd(text: string, at: number): number {
  let i = at
  while (classOf(text.charCodeAt(i)) === DIGIT) i++
  return i
}

/**
 * Past a number. A letter right behind it begins a name, as it did before PostgreSQL 15, where
 * `1INTO t` was valid; later versions refuse it.
 */
export function numberEnd(text: string, at: number): number {
  let i = digitsEnd(text, at)
  // 1..2 is two integers and a range, as PL/pgSQL has it.
  if (text.charCodeAt(i) === DOT && text.charCodeAt(i + 1) !== DOT) i = digitsEnd(text, i + 1)
  if ((text.charCodeAt(i) | 32) === 101) {
    const sign = text.charCodeAt(i + 1)
    const digits = sign === 43 || sign === DASH ? i + 2 : i + 1
    if (classOf(text.charCodeAt(digits)) === DIGIT) i = digitsEnd(text, digits)
  }
  return i
}
