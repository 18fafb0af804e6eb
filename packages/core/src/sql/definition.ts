import { notifies, ofCalls } from './calls.ts'
import { type Judgement, nothing } from './judgement.ts'
import { noQuery, type Query, readQuery } from './query.ts'
import { noChanges, ofTemporary, type Span, type StateChange } from './state.ts'
import { nameAt } from './tokens.ts'

const temporary: { readonly [object: string]: string } = {
  TABLE: 'a temporary table',
  VIEW: 'a temporary view',
  SEQUENCE: 'a temporary sequence',
}

/** Judges a CREATE. */
export function judgeCreate(span: Span): Judgement {
  const { words } = span.tokens
  let i = span.from + 1
  while (isModifier(words[i])) i++
  const object = words[i] ?? ''
  const materialized = words[i - 1] === 'MATERIALIZED'
  const query = object === 'TABLE' || materialized ? queryBehind(span, 'AS') : noQuery
  return {
    ...nothing,
    verb: 'CREATE',
    kind: 'definition',
    ...definition(
      object === 'SUBSCRIPTION' || (object === 'INDEX' && words[i + 1] === 'CONCURRENTLY'),
      isWhole(object),
    ),
    notifies: notifies(span, query),
    functions: query.functions,
    state: [...ofTarget(span, span.from + 1, object), ...ofCalls(span, query, true)],
  }
}

/** The words that can stand between CREATE and what it creates. */
function isModifier(word: string | undefined): boolean {
  switch (word) {
    case 'OR':
    case 'REPLACE':
    case 'GLOBAL':
    case 'LOCAL':
    case 'TEMP':
    case 'TEMPORARY':
    case 'UNLOGGED':
    case 'RECURSIVE':
    case 'MATERIALIZED':
    case 'FOREIGN':
    case 'UNIQUE':
      return true
    default:
      return false
  }
}

/** A temporary object, if the words from token `i` on (TEMP TABLE x, pg_temp.x) make one. */
export function ofTarget(span: Span, i: number, object: string): readonly StateChange[] {
  const { tokens, to } = span
  const { words } = tokens
  let at = i
  let temp = false
  for (; at < to && isModifier(words[at]); at++) {
    if (words[at] === 'TEMP' || words[at] === 'TEMPORARY') temp = true
  }
  if (words[at] === object) at++
  if (words[at] === 'IF' && words[at + 1] === 'NOT') at += 3
  if (at >= to) return noChanges
  const session = words[at + 1] === '.' && nameAt(tokens, at) === 'pg_temp'
  if (!temp && !session) return noChanges
  return ofTemporary(span, at, temporary[object] ?? 'a temporary object')
}

/** What an ALTER or DROP that refuses to run in a transaction may commit, and what it carries. */
export function changed(span: Span): Pick<Judgement, 'canCommit' | 'carriesWitness'> {
  const { words } = span.tokens
  const whole = words[span.from] === 'DROP' && isWhole(words[span.from + 1])
  return definition(commitsAsItGoes(span), whole)
}

/**
 * Whether to make or to drop such an object is one transaction, although it is refused in another
 * (dbcommands.c createdb and dropdb, tablespace.c). ALTER DATABASE SET TABLESPACE commits in between.
 */
function isWhole(object: string | undefined): boolean {
  return object === 'DATABASE' || object === 'TABLESPACE'
}

function commitsAsItGoes(span: Span): boolean {
  const { words } = span.tokens
  const object = words[span.from + 1]
  if (object === 'SUBSCRIPTION' || object === 'SYSTEM') return true
  if (words[span.from] === 'DROP') {
    return object === 'INDEX' && words[span.from + 2] === 'CONCURRENTLY'
  }
  if (object === 'DATABASE') return has(span, 'TABLESPACE')
  return object === 'TABLE' && has(span, 'DETACH') && has(span, 'CONCURRENTLY')
}

function has({ tokens, from, to }: Span, word: string): boolean {
  for (let i = from; i < to; i++) {
    if (tokens.words[i] === word) return true
  }
  return false
}

/** What follows for a definition from whether it commits as it goes, or else may stand beside nothing. */
function definition(
  canCommit: boolean,
  alone: boolean,
): Pick<Judgement, 'canCommit' | 'carriesWitness'> {
  return { canCommit, carriesWitness: !canCommit && !alone }
}

/** The query behind the first `word` outside parentheses. */
export function queryBehind(span: Span, word: string): Query {
  const { words } = span.tokens
  let depth = 0
  for (let i = span.from + 1; i < span.to; i++) {
    if (words[i] === '(') depth++
    else if (words[i] === ')') depth--
    else if (words[i] === word && depth === 0) return readQuery(span.tokens, i + 1, span.to)
  }
  return noQuery
}
