import type { Statement } from '@reprise/core'
import type { Exchange } from '../exchange/exchange.ts'
import { instantForm, speaksOfTime } from './keep-time.ts'
import type { Parser } from './parser.ts'
import { builtin, type Node } from './tree.ts'

const mayDraw = /\b(insert|nextval|default|gen_random_uuid|uuidv[47]|uuid_generate_v\w+)\b/i
const asksSequence = /\b(currval|lastval)\b/i
const setsSequence = /\b(setval|restart)\b/i
const changesPath = /\bsearch_path\b/i
const definitions = /\b(create|alter|drop|do|call|import|execute)\b/i

/** Statements beside queries that leave the definition of every table and sequence as it is. */
const settled: ReadonlySet<string> = new Set([
  'ANALYSE',
  'ANALYZE',
  'CHECKPOINT',
  'COMMENT',
  'GRANT',
  'LOCK',
  'NOTIFY',
  'REVOKE',
  'TRUNCATE',
])
const unsettling: ReadonlySet<string> = new Set(['copy', 'definition', 'other', 'procedure'])

/** What of a statement tells what it may see. */
export interface Sent extends Pick<Exchange, 'statement' | 'text' | 'error' | 'shape'> {
  readonly values: readonly unknown[] | undefined
}

/** Whether a statement may hold a value to be kept, or have been given one by a default. */
export function isCandidate({ statement, text = '', error }: Sent): boolean {
  const { kind, ambiguous } = statement
  if ((kind !== 'read' && kind !== 'write') || ambiguous || error !== undefined) return false
  return mayDraw.test(text) || speaksOfTime.test(text)
}

/** Whether tables, defaults or sequences may be other than the catalog says after a statement. */
export function redefines({ statement, text = '' }: Sent): boolean {
  if (statement.kind === 'several') return definitions.test(text)
  return unsettling.has(statement.kind) && !settled.has(statement.verb)
}

/** Whether a statement evaluates nothing. What it prepares, it is EXECUTE that does it. */
export function isTimeless({ kind, verb }: Statement): boolean {
  switch (kind) {
    case 'empty':
    case 'transaction':
    case 'state':
      return true
    case 'cursor':
      return verb !== 'DECLARE'
    case 'definition':
    case 'other':
      return settled.has(verb) && verb !== 'TRUNCATE'
    default:
      return false
  }
}

/** Whether a name may lead to another table after a statement. */
export function renames({ text = '' }: Sent): boolean {
  return changesPath.test(text)
}

/** Whether a statement may ask which number this session drew last. */
export function sees({ statement, text = '' }: Sent): boolean {
  return asksSequence.test(text) || statement.verb === 'EXECUTE'
}

/** Whether a statement depends on where a sequence stands, or puts it somewhere. */
export function touchesSequence(exchange: Sent): boolean {
  return sees(exchange) || setsSequence.test(exchange.text ?? '')
}

/** When the transaction began, as one of its own answers told; undefined if none did. */
export function learnt(tape: readonly Exchange[], parser: Parser): string | undefined {
  for (const exchange of tape) {
    const [row] = exchange.taped ?? []
    if (row === undefined || !isCandidate(exchange)) continue
    const targets = parser.read(exchange.text ?? '')?.SelectStmt?.targetList ?? []
    if (targets.length !== row.length) continue
    const value = row[targets.findIndex(isNow)]
    if (typeof value === 'string' && instantForm.test(value)) return value
  }
  return undefined
}

function isNow({ ResTarget: target }: Node): boolean {
  const { FuncCall: call, SQLValueFunction: value } = target?.val ?? {}
  if (value !== undefined) return value.op === 'SVFOP_CURRENT_TIMESTAMP'
  const name = call?.args === undefined && call !== undefined ? builtin(call) : undefined
  return name === 'now' || name === 'transaction_timestamp'
}
