import {
  BACKSLASH,
  CLOSE,
  COLON,
  COMMA,
  classOf,
  continuesName,
  DASH,
  DIGIT,
  DOLLAR,
  DOT,
  isStringPrefix,
  NAME,
  OPEN,
  PLUS,
  pastSpace,
  QUOTE,
} from './characters.ts'
import { harmless, setReturning } from './functions.ts'
import { hashSeed, hashStep, keywordAt } from './keywords.ts'
import { digitsEnd, dollarEnd, numberEnd, type Scan, stringEnd } from './literals.ts'
import { lower } from './names.ts'

const constants: ReadonlySet<string | undefined> = new Set(
  'NULL TRUE FALSE DEFAULT CURRENT_DATE CURRENT_TIMESTAMP LOCALTIMESTAMP'.split(' '),
)

/**
 * Where the last constant of a list begins whose first one may begin at `at`. Constants that have
 * others of their kind on both sides say nothing of what a statement does, so none of them need be
 * looked at: a list of a million may be read as a list of one.
 */
export function lastConstant(scan: Scan, at: number): number {
  const { text } = scan
  let last = pastSpace(text, at)
  for (let next = last; ; ) {
    const end = constantEnd(scan, next)
    if (end < 0) return last
    last = next
    const comma = pastSpace(text, end)
    if (text.charCodeAt(comma) !== COMMA) return last
    next = pastSpace(text, comma + 1)
  }
}

/**
 * Where that row of VALUES begins, at or behind the one at `at`, which is the last one or the first
 * that holds more than constants. The rows before it say nothing of what a statement does.
 */
export function lastRow(scan: Scan, at: number): number {
  const { text } = scan
  for (let row = at; ; ) {
    const end = rowEnd(scan, row)
    if (end < 0) return row
    const comma = pastSpace(text, end)
    if (text.charCodeAt(comma) !== COMMA) return row
    const next = pastSpace(text, comma + 1)
    if (text.charCodeAt(next) !== OPEN) return row
    row = next
  }
}

/** Past the row of constants whose parenthesis is at `at`; -1 if it is none. */
function rowEnd(scan: Scan, at: number): number {
  const { text } = scan
  for (let next = pastSpace(text, at + 1); ; ) {
    const end = constantEnd(scan, next)
    if (end < 0) return -1
    const mark = pastSpace(text, end)
    const code = text.charCodeAt(mark)
    if (code === CLOSE) return mark + 1
    if (code !== COMMA) return -1
    next = pastSpace(text, mark + 1)
  }
}

/**
 * Past what stands at `at` for one value whatever happens: a number, a string, a parameter, NULL and
 * its like, or a harmless function without arguments, with a cast or without; -1 if nothing does.
 */
export function constantEnd(scan: Scan, at: number): number {
  const simple = simpleEnd(scan.text, at)
  if (simple > 0) return simple
  const end = plainEnd(scan, at)
  return end > 0 && scan.text.charCodeAt(end) === COLON ? castEnd(scan.text, end) : end
}

/** Past an integer or a short string without quotes in it that has a comma or a `)` right behind it; or 0. */
function simpleEnd(text: string, at: number): number {
  let code = text.charCodeAt(at)
  let end = at
  if (code === QUOTE) {
    const limit = at + 32
    do code = text.charCodeAt(++end)
    while (code !== QUOTE && end < limit)
    if (code !== QUOTE || text.charCodeAt(end - 1) === BACKSLASH) return 0
    code = text.charCodeAt(++end)
  } else {
    while (code >= 48 && code <= 57) code = text.charCodeAt(++end)
    if (end === at) return 0
  }
  return code === COMMA || code === CLOSE ? end : 0
}

function plainEnd(scan: Scan, at: number): number {
  const { text } = scan
  const code = text.charCodeAt(at)
  const next = text.charCodeAt(at + 1)
  if (code === QUOTE) return stringEnd(scan, at + 1, 0)
  const kind = classOf(code)
  if (kind === DIGIT) return bareNumberEnd(text, at)
  if (kind === NAME) {
    return next === QUOTE && isStringPrefix(code)
      ? stringEnd(scan, at + 2, code | 32)
      : wordEnd(text, at)
  }
  if ((code === DASH || code === PLUS || code === DOT) && classOf(next) === DIGIT) {
    return bareNumberEnd(text, code === DOT ? at : at + 1)
  }
  if (code !== DOLLAR) return -1
  if (classOf(next) === DIGIT) return digitsEnd(text, at + 1)
  const end = dollarEnd(scan, at)
  return end > at + 1 ? end : -1
}

/** Past a number that nothing is written together with. */
function bareNumberEnd(text: string, at: number): number {
  const end = numberEnd(text, at)
  return continuesName(text.charCodeAt(end)) ? -1 : end
}

function wordEnd(text: string, at: number): number {
  let hash = hashSeed
  let end = at
  for (let code = text.charCodeAt(at); continuesName(code); code = text.charCodeAt(++end)) {
    hash = hashStep(hash, code)
  }
  if (text.charCodeAt(end) !== OPEN) {
    return constants.has(keywordAt(text, at, end, hash)) ? end : -1
  }
  if (text.charCodeAt(end + 1) !== CLOSE) return -1
  const name = lower(text.slice(at, end))
  return harmless.has(name) && !setReturning.has(name) ? end + 2 : -1
}

/** Past casts to types by their names alone. */
function castEnd(text: string, at: number): number {
  let end = at
  while (text.charCodeAt(end) === COLON) {
    if (text.charCodeAt(end + 1) !== COLON || classOf(text.charCodeAt(end + 2)) !== NAME) return -1
    end += 2
    while (continuesName(text.charCodeAt(end)) || text.charCodeAt(end) === DOT) end++
    while (text.startsWith('[]', end)) end += 2
  }
  return end
}
