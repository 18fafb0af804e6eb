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
} from './state.ts'
import { lower, nameAt, type Tokens, written } from './tokens.ts'

/**
 * What the functions that a query calls leave behind. `once` says that running the statement
 * again is no way to make them again: it is a PREPARE, whose query runs later and unseen, or a COPY.
 */
export function ofCalls(span: Span, query: Query, once: boolean): readonly StateChange[] {
  let changes: StateChange[] | undefined
  for (const call of query.calls) {
    const made = ofCall(span, query, once, call)
    if (made !== undefined) {
      changes ??= []
      changes.push(made)
    }
  }
  return changes ?? noChanges
}

function ofCall(span: Span, query: Query, once: boolean, i: number): StateChange | undefined {
  switch (nameAt(span.tokens, i)) {
    case 'pg_advisory_lock':
    case 'pg_advisory_lock_shared':
    case 'pg_try_advisory_lock':
    case 'pg_try_advisory_lock_shared':
      return anchor(span, advisoryKey(span, i), 'a session advisory lock')
    case 'pg_advisory_unlock':
    case 'pg_advisory_unlock_shared':
      return once ? undefined : change(span, advisoryKey(span, i), 'drop')
    case 'pg_advisory_unlock_all':
      return once ? undefined : change(span, 'advisory:*', 'clear')
    case 'set_config': {
      const key = configKey(span, i + 1)
      if (key === '') return undefined
      // To run it again would do more than to set.
      if (once || query.modifies || query.into >= 0 || query.functions.length > 1) {
        return anchor(span, key, 'a setting made by a statement that does more')
      }
      return keep(span, key)
    }
    default:
      return undefined
  }
}

/** A lock is known by how its arguments are written; shared and exclusive ones are counted apart. */
function advisoryKey({ tokens, to }: Span, i: number): string {
  const { words } = tokens
  const parts = [nameAt(tokens, i).endsWith('_shared') ? 'advisory:shared' : 'advisory']
  let depth = 0
  for (let at = i + 1; at < to; at++) {
    const word = words[at]
    if (word === '(') depth++
    else if (word === ')' && --depth === 0) break
    if (at > i + 1) parts.push(written(tokens, at))
  }
  return parts.join(':')
}

/** The key that set_config, whose parenthesis is token `open`, sets for the session; '' if none. */
function configKey(span: Span, open: number): string {
  const { tokens, to } = span
  const { words } = tokens
  let depth = 0
  let commas = 0
  let last = open
  for (let i = open; i < to; i++) {
    const word = words[i]
    if (word === '(' || word === '[') depth++
    else if ((word === ')' || word === ']') && --depth === 0) {
      if (commas === 2 && i === last + 2 && isTrue(tokens, last + 1)) return ''
      break
    } else if (word === ',' && depth === 1) {
      commas++
      last = i
    }
  }
  const name = written(tokens, open + 1)
  if (words[open + 1] === 'string' && words[open + 2] === ',' && /^'[\w.]+'$/.test(name)) {
    const setting = lower(name.slice(1, -1))
    return endsWithTransaction(setting) ? '' : keyOf(setting)
  }
  return `config:${tokens.text}`
}

function isTrue(tokens: Tokens, i: number): boolean {
  if (tokens.words[i] === 'TRUE') return true
  return tokens.words[i] === 'string' && /^'\s*(t|true|y|yes|on|1)\s*'$/i.test(written(tokens, i))
}

/** Whether a query calls pg_notify. */
export function notifies(span: Span, query: Query): boolean {
  return query.calls.some((call) => nameAt(span.tokens, call) === 'pg_notify')
}
