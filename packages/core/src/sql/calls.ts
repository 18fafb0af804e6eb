import { Columns } from './columns.ts'
import { lower } from './names.ts'
import type { Query } from './query.ts'
import {
  anchor,
  change,
  endsWithTransaction,
  keep,
  keyOf,
  noChanges,
  type Span,
  type StateChange,
  seed,
} from './state.ts'
import { nameAt, type Tokens, written } from './tokens.ts'

/**
 * What the functions that a query calls leave behind. `once` says that running the statement
 * again is no way to make them again: it is a PREPARE, whose query runs later and unseen, or a COPY.
 */
export function ofCalls(span: Span, query: Query, once: boolean): readonly StateChange[] {
  if (query.calls.length === 0) return noChanges
  let changes: StateChange[] | undefined
  const columns = new Columns(span)
  for (const call of query.calls) {
    const made = ofCall(span, once, call, columns)
    if (made !== undefined) {
      changes ??= []
      changes.push(made)
    }
  }
  return changes ?? noChanges
}

function ofCall(span: Span, once: boolean, i: number, columns: Columns): StateChange | undefined {
  switch (nameAt(span.tokens, i)) {
    case 'pg_advisory_lock':
    case 'pg_advisory_lock_shared':
    case 'pg_try_advisory_lock':
    case 'pg_try_advisory_lock_shared':
      return anchor(span, advisoryKey(span, i) ?? 'advisory:', 'a session advisory lock')
    case 'pg_advisory_unlock':
    case 'pg_advisory_unlock_shared':
      // A key of no lock: it undoes nothing, and the server is asked all the same.
      return once ? undefined : change(span, advisoryKey(span, i) ?? 'advisory:some', 'drop')
    case 'pg_advisory_unlock_all':
      return once ? undefined : change(span, 'advisory:*', 'clear')
    case 'setseed':
      return anchor(span, 'seed:', seed)
    case 'set_config':
      return ofSetConfig(span, i, columns)
    default:
      return undefined
  }
}

/** How many tokens of a call's arguments are looked at, so that calls inside calls cost no square. */
const farthest = 256

/**
 * A lock is known by how its arguments are written; shared and exclusive ones are counted apart.
 * Undefined where they are too long, or something may have been left out of them.
 */
function advisoryKey({ tokens, to }: Span, i: number): string | undefined {
  if (tokens.shortened) return undefined
  const { words } = tokens
  const parts = [nameAt(tokens, i).endsWith('_shared') ? 'advisory:shared' : 'advisory']
  let depth = 0
  for (let at = i + 1; at < to; at++) {
    const word = words[at]
    if (word === '(') depth++
    else if (word === ')' && --depth === 0) break
    if (at > i + 1) parts.push(written(tokens, at))
    if (parts.length > farthest) return undefined
  }
  return parts.join(':')
}

/**
 * What set_config(name, value, is_local) leaves behind. It can be set again where it is a column of a
 * plain SELECT, so that its answer shows the value, and where name and is_local are written out or
 * parameters; anywhere else, nobody can tell what it has set.
 */
function ofSetConfig(span: Span, i: number, columns: Columns): StateChange | undefined {
  const { tokens } = span
  const [named, , local, ...more] = argumentsOf(span, i + 1)
  if (local !== undefined && isTrue(tokens, local)) return undefined
  const name = named && textOf(tokens, named)
  if (name !== undefined && endsWithTransaction(lower(name))) return undefined
  if (name !== undefined && lower(name) === 'seed') return anchor(span, 'seed:', seed)
  const column = columns.of(i)
  const byParameter = named === undefined ? undefined : parameterAt(tokens, named)
  const isLocal = local === undefined ? undefined : parameterAt(tokens, local)
  const known =
    column >= 0 &&
    more.length === 0 &&
    (name !== undefined || byParameter !== undefined) &&
    local !== undefined &&
    (isFalse(tokens, local) || isLocal !== undefined)
  if (!known) {
    const key = name === undefined ? 'config:' : `config:${lower(name)}`
    return anchor(span, key, 'a setting that was made out of sight')
  }
  const setting = { column, name: byParameter, local: isLocal }
  return { ...keep(span, name === undefined ? 'set:' : keyOf(lower(name))), setting }
}

/** The tokens [from, to) of each argument, as far as they are looked at, of a call; token `open` opens it. */
function argumentsOf({ tokens, to }: Span, open: number): (readonly [number, number])[] {
  const { words } = tokens
  const found: (readonly [number, number])[] = []
  let depth = 0
  let from = open + 1
  for (let i = open; i < Math.min(to, open + farthest); i++) {
    const word = words[i]
    if (word === '(' || word === '[') depth++
    else if (word === ')' || word === ']') depth--
    if (depth > 1 || (depth === 1 && word !== ',') || i === open) continue
    found.push([from, i])
    from = i + 1
    if (depth === 0) break
  }
  return found
}

/** The text of an argument that is one plain string. */
function textOf(tokens: Tokens, [from, to]: readonly [number, number]): string | undefined {
  const text = written(tokens, from)
  return to === from + 1 && tokens.words[from] === 'string' && /^'[\w.]+'$/.test(text)
    ? text.slice(1, -1)
    : undefined
}

/** The parameter that an argument is, from 0. */
function parameterAt(tokens: Tokens, [from, to]: readonly [number, number]): number | undefined {
  return to === from + 1 && tokens.words[from] === 'parameter'
    ? Number(written(tokens, from).slice(1)) - 1
    : undefined
}

function isTrue(tokens: Tokens, [from, to]: readonly [number, number]): boolean {
  if (to !== from + 1) return false
  if (tokens.words[from] === 'TRUE') return true
  return (
    tokens.words[from] === 'string' && /^'\s*(t|true|y|yes|on|1)\s*'$/i.test(written(tokens, from))
  )
}

function isFalse(tokens: Tokens, [from, to]: readonly [number, number]): boolean {
  if (to !== from + 1) return false
  if (tokens.words[from] === 'FALSE') return true
  return (
    tokens.words[from] === 'string' && /^'\s*(f|false|n|no|off|0)\s*'$/i.test(written(tokens, from))
  )
}

/** Whether a query calls pg_notify. */
export function notifies(span: Span, query: Query): boolean {
  return query.calls.some((call) => nameAt(span.tokens, call) === 'pg_notify')
}
