import { lower } from './names.ts'
import { nameAt, type Tokens, written } from './tokens.ts'

/** Something that a statement leaves behind in the session, or undoes there. */
export interface StateChange {
  /** What is changed: `set:search_path`, `role`, `authorization`, `listen:chan`, `prepare:name` … */
  readonly key: string
  /**
   * - `keep`: a new session is brought to the same state by running the statement again. A later
   *   `keep` of the same key takes its place, at the end of the order.
   * - `drop`: undoes `key`.
   * - `clear`: undoes every key that begins like `key`, which ends in `*`.
   * - `anchor`: nothing brings a new session to this state.
   */
  readonly effect: 'keep' | 'drop' | 'clear' | 'anchor'
  /** For an anchor: what it is, as a sentence would have it ('a temporary table'); '' otherwise. */
  readonly what: string
  /** The statement that makes the change, alone, without those that may stand beside it. */
  readonly text: string
  /** For what set_config keeps: where to find it. Its expressions are never evaluated again. */
  readonly setting?: Setting
}

/** A call of set_config that is a column of its own. */
export interface Setting {
  /** The column of the answer that holds the value, from 0. */
  readonly column: number
  /** The parameter that is the setting's name, from 0; undefined where the name is in the key. */
  readonly name: number | undefined
  /** The parameter that says whether it is local; undefined where it is not local for certain. */
  readonly local: number | undefined
}

/** What setseed() and SET seed begin: how far random() has come behind it no server shows. */
export const seed = 'a seed of random numbers'

/** No change. */
export const noChanges: readonly StateChange[] = []

/** The part of a text that is one statement: tokens [from, to). */
export interface Span {
  readonly tokens: Tokens
  readonly from: number
  readonly to: number
}

/** What SET leaves behind (gram.y: VariableSetStmt). What ends with the transaction is nothing. */
export function ofSet(span: Span): readonly StateChange[] {
  const { words } = span.tokens
  let i = span.from + 1
  if ((words[i] === 'LOCAL' || words[i] === 'SESSION') && !isAssigned(words, i)) {
    if (words[i] === 'LOCAL') return noChanges
    if (words[i + 1] === 'CHARACTERISTICS') return ofCharacteristics(span, i + 4)
    // In SET SESSION AUTHORIZATION the word belongs to what follows it.
    if (words[i + 1] !== 'AUTHORIZATION') i++
  }
  if (!isAssigned(words, i)) {
    switch (words[i]) {
      case 'TRANSACTION':
      case 'CONSTRAINTS':
        return noChanges
      case 'TIME':
        return [assign(span, 'timezone', i + 2)]
      case 'NAMES':
        return [assign(span, 'client_encoding', i + 1)]
      case 'SCHEMA':
        return [assign(span, 'search_path', i + 1)]
      case 'XML':
        return [assign(span, 'xmloption', i + 2)]
      case 'ROLE':
        return [keep(span, 'role')]
      case 'SESSION':
        return [
          words[i + 2] === 'DEFAULT'
            ? change(span, 'authorization', 'drop')
            : keep(span, 'authorization'),
        ]
    }
  }
  const { name, next } = settingAt(span, i)
  return name === '' || endsWithTransaction(name) ? noChanges : [assign(span, name, next + 1)]
}

/** SET SESSION CHARACTERISTICS AS TRANSACTION sets a setting for each mode from token i on. */
function ofCharacteristics(span: Span, i: number): readonly StateChange[] {
  const { tokens, to } = span
  const { words, starts, ends, text } = tokens
  const changes: StateChange[] = []
  for (let at = i; at < to; ) {
    const from = at
    const mode = words[at] === 'NOT' ? words[++at] : words[at]
    at +=
      mode === 'ISOLATION' && words[at + 2] !== 'SERIALIZABLE' ? 4 : mode === 'ISOLATION' ? 3 : 1
    if (mode === 'READ') at++
    const name = mode === 'READ' ? 'read_only' : mode === 'DEFERRABLE' ? 'deferrable' : 'isolation'
    const written = text.slice(starts[from], ends[Math.min(at, to) - 1])
    changes.push({
      ...keep(span, `set:default_transaction_${name}`),
      text: `SET SESSION CHARACTERISTICS AS TRANSACTION ${written}`,
    })
    if (words[at] === ',') at++
  }
  return changes
}

/** What RESET undoes (gram.y: VariableResetStmt). RESET ALL leaves role and authorization alone. */
export function ofReset(span: Span): readonly StateChange[] {
  const { words } = span.tokens
  const i = span.from + 1
  switch (words[i]) {
    case 'ALL':
      return [change(span, 'set:*', 'clear'), change(span, 'config:*', 'clear')]
    case 'SESSION':
      if (words[i + 1] === 'AUTHORIZATION') return [change(span, 'authorization', 'drop')]
      break
    case 'TIME':
      if (words[i + 1] === 'ZONE') return [change(span, 'set:timezone', 'drop')]
      break
    case 'TRANSACTION':
      return noChanges
  }
  const { name } = settingAt(span, i)
  return name === '' || endsWithTransaction(name) ? noChanges : [reset(span, name)]
}

/** What LISTEN, UNLISTEN, PREPARE, DEALLOCATE, DISCARD and LOAD change. */
export function ofCommand(span: Span): readonly StateChange[] {
  const { tokens, from } = span
  const { words } = tokens
  const name = from + 1 < span.to ? nameAt(tokens, from + 1) : ''
  switch (words[from]) {
    case 'LISTEN':
      return [keep(span, `listen:${name}`)]
    case 'UNLISTEN':
      if (words[from + 1] === '*') return [change(span, 'listen:*', 'clear')]
      return [change(span, `listen:${name}`, 'drop')]
    case 'PREPARE':
      return [keep(span, `prepare:${name}`)]
    case 'DEALLOCATE': {
      const at = words[from + 1] === 'PREPARE' && from + 2 < span.to ? from + 2 : from + 1
      if (words[at] === 'ALL') return [change(span, 'prepare:*', 'clear')]
      return [change(span, `prepare:${at < span.to ? nameAt(tokens, at) : ''}`, 'drop')]
    }
    case 'DISCARD':
      if (words[from + 1] === 'ALL') return [change(span, '*', 'clear')]
      if (words[from + 1] !== 'TEMP' && words[from + 1] !== 'TEMPORARY') return noChanges
      return [change(span, 'temp:*', 'clear')]
    case 'LOAD':
      return [anchor(span, `load:${written(tokens, from + 1)}`, 'a loaded library')]
    default:
      return noChanges
  }
}

/** What DECLARE and CLOSE change; only a cursor WITH HOLD outlives its transaction. */
export function ofCursor(span: Span): readonly StateChange[] {
  const { tokens, from, to } = span
  const { words } = tokens
  if (from + 1 >= to) return noChanges
  if (words[from] === 'CLOSE') {
    if (words[from + 1] === 'ALL') return [change(span, 'cursor:*', 'clear')]
    return [change(span, `cursor:${nameAt(tokens, from + 1)}`, 'drop')]
  }
  if (words[from] !== 'DECLARE') return noChanges
  for (let i = from + 2; i < to && words[i] !== 'FOR'; i++) {
    if (words[i] === 'HOLD' && words[i - 1] === 'WITH') {
      return [anchor(span, `cursor:${nameAt(tokens, from + 1)}`, 'a WITH HOLD cursor')]
    }
  }
  return noChanges
}

/** A temporary object, whose name stands at token i. */
export function ofTemporary(span: Span, i: number, what: string): readonly StateChange[] {
  const { tokens } = span
  const at = tokens.words[i + 1] === '.' ? i + 2 : i
  return [anchor(span, `temp:${at < span.to ? nameAt(tokens, at) : ''}`, what)]
}

/** The setting that is named at token i (names of settings know no case), and what follows it. */
function settingAt(span: Span, i: number): { readonly name: string; readonly next: number } {
  const { tokens, to } = span
  let name = i < to ? lower(nameAt(tokens, i)) : ''
  let next = i + 1
  while (tokens.words[next] === '.' && next + 1 < to) {
    name += `.${lower(nameAt(tokens, next + 1))}`
    next += 2
  }
  return { name, next }
}

/** SET of a setting whose value begins at token `value`. */
function assign(span: Span, name: string, value: number): StateChange {
  const word = value < span.to ? span.tokens.words[value] : undefined
  if (name === 'seed') return anchor(span, 'seed:', seed)
  const restores = word === undefined || word === 'DEFAULT'
  // LOCAL is a value for the time zone alone, and means its default there.
  return restores || (name === 'timezone' && word === 'LOCAL')
    ? reset(span, name)
    : keep(span, keyOf(name))
}

function reset(span: Span, name: string): StateChange {
  return change(span, keyOf(name), 'drop')
}

/** The key of a setting: SET ROLE and SET role = … are one. */
export function keyOf(name: string): string {
  if (name === 'role') return 'role'
  return name === 'session_authorization' ? 'authorization' : `set:${name}`
}

/** Settings that PostgreSQL forgets at the end of the transaction (guc_tables.c: GUC_NO_RESET). */
export function endsWithTransaction(name: string): boolean {
  return (
    name === 'transaction_isolation' ||
    name === 'transaction_read_only' ||
    name === 'transaction_deferrable'
  )
}

function isAssigned(words: readonly string[], i: number): boolean {
  const next = words[i + 1]
  return next === '=' || next === 'TO' || next === '.'
}

/** A change that can be made again. */
export function keep(span: Span, key: string): StateChange {
  return change(span, key, 'keep')
}

/** A change that cannot. */
export function anchor(span: Span, key: string, what: string): StateChange {
  return change(span, key, 'anchor', what)
}

/** Any change. */
export function change(
  span: Span,
  key: string,
  effect: StateChange['effect'],
  what = '',
): StateChange {
  const { tokens, from, to } = span
  return { key, effect, what, text: tokens.text.slice(tokens.starts[from], tokens.ends[to - 1]) }
}
