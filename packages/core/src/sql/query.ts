import { harmless, keepNothing, setReturning } from './functions.ts'
import { notFunctions, ordering } from './keywords.ts'
import { nameAt, type Tokens } from './tokens.ts'

/** What a query (SELECT, INSERT, …) does, seen from its text alone. */
export interface Query {
  /** It, or a WITH of it, is INSERT, UPDATE, DELETE or MERGE. */
  readonly modifies: boolean
  /** It has a locking clause, FOR UPDATE and its kin, at any depth. */
  readonly locks: boolean
  /** Where its INTO is (SELECT … INTO), or -1. */
  readonly into: number
  /** The functions it calls that are not known to be harmless. */
  readonly functions: readonly string[]
  /**
   * One of those may leave what outlasts the session: any but PostgreSQL's own settings and session
   * advisory locks. By another schema's name it may be anything.
   */
  readonly outlasts: boolean
  /** Nothing in it gives an order to its rows: nothing {@link ordering}, no list, no function. */
  readonly orderFree: boolean
  /** Where those functions stand that PostgreSQL itself brings (not qualified, or by pg_catalog). */
  readonly calls: readonly number[]
}

/** A query that does nothing. */
export const noQuery: Query = {
  modifies: false,
  locks: false,
  into: -1,
  functions: [],
  outlasts: false,
  orderFree: false,
  calls: [],
}

// What an open parenthesis holds, by depth.
const PLAIN = 0
/** Names of common table expressions: between WITH and the statement it belongs to. */
const LIST = 1
/** The expressions of DISTINCT ON, behind which a select list begins. */
const DISTINCT_ON = 2

/** What may come next. */
const NOTHING = 0
/** The first word of a statement, which may modify. */
const STATEMENT = 1
/** The first word of a parenthesis, where only WITH matters. */
const WITH_ONLY = 2

/**
 * Reads the tokens [from, to) as a query. It follows the grammar (src/backend/parser/gram.y) no
 * further than it must, and where a word can be read in two ways it takes the one that writes.
 */
export function readQuery(tokens: Tokens, from: number, to: number): Query {
  const { words } = tokens
  let modifies = false
  let locks = false
  let into = -1
  let orderFree = true
  let outlasts = false
  let functions: Set<string> | undefined
  let calls: number[] | undefined
  const levels: number[] = []
  let level = PLAIN
  let expected = STATEMENT
  let verb = -1
  let distinctEnd = -1

  for (let i = from; i < to; i++) {
    const word = words[i] as string
    if (word === '(') {
      const before = i > from ? words[i - 1] : undefined
      let inner = PLAIN
      if (level === LIST) {
        const body = before === 'AS' || before === 'MATERIALIZED'
        // A parenthesis behind another one is the statement itself: WITH x AS (…) (SELECT …).
        if (before === ')') level = PLAIN
        expected = body || before === ')' ? STATEMENT : NOTHING
      } else if (expected !== STATEMENT) {
        expected = WITH_ONLY
        if (before === 'ON' && words[i - 2] === 'DISTINCT') inner = DISTINCT_ON
      }
      levels.push(level)
      level = inner
      continue
    }
    if (word === ')') {
      if (level === DISTINCT_ON) distinctEnd = i
      level = levels.pop() ?? PLAIN
      expected = NOTHING
      continue
    }
    const head = expected
    expected = NOTHING
    switch (word) {
      case 'WITH':
        if (head !== NOTHING || beginsList(words, i + 1)) {
          level = LIST
          continue
        }
        break
      case 'SELECT':
      case 'VALUES':
      case 'TABLE':
      case 'INSERT':
      case 'UPDATE':
      case 'DELETE':
      case 'MERGE':
        if (word === 'VALUES' || word === 'INSERT' || word === 'MERGE') orderFree = false
        if (level === LIST && !isListed(words[i - 1])) {
          level = PLAIN
          verb = i
        } else if (head === STATEMENT) verb = i
        if (verb === i && word !== 'SELECT' && word !== 'VALUES' && word !== 'TABLE')
          modifies = true
        break
      case 'FOR':
        if (isLock(words, i + 1)) locks = true
        break
      case 'INTO':
        if (into < 0 && !isTarget(words[i - 1], verb === i - 1)) into = i
        break
      default:
        if (ordering.has(word)) orderFree = false
    }
    if (words[i + 1] !== '(' || i + 1 >= to || i === from || level === LIST) continue
    const start = callAt(words, from, i, distinctEnd, modifies)
    if (start < 0) continue
    const name = nameAt(tokens, i)
    const own = start === i || (start === i - 2 && nameAt(tokens, start) === 'pg_catalog')
    // Behind another schema's name, a familiar name may be anything.
    if (own && harmless.has(name)) {
      if (setReturning.has(name)) orderFree = false
      continue
    }
    functions ??= new Set()
    functions.add(name)
    outlasts ||= !own || !keepNothing.has(name)
    if (own) {
      calls ??= []
      calls.push(i)
    }
  }
  return {
    modifies,
    locks,
    into,
    functions: functions === undefined ? noQuery.functions : [...functions],
    outlasts,
    orderFree: orderFree && functions === undefined,
    calls: calls ?? noQuery.calls,
  }
}

/** Whether a word of the list of WITH is the name of a member rather than the end of the list. */
function isListed(before: string | undefined): boolean {
  return before === 'WITH' || before === 'RECURSIVE' || before === ','
}

/** Whether the words behind a WITH that opens neither statement nor parenthesis name a query. */
function beginsList(words: readonly string[], at: number): boolean {
  const word = words[at]
  if (word === 'RECURSIVE') return true
  if (!isWord(word) || word === 'ORDINALITY' || notFunctions.has(word as string)) return false
  return words[at + 1] === 'AS' || words[at + 1] === '('
}

/** Whether INTO behind this word names what is written to, or is itself a label. */
function isTarget(before: string | undefined, verb: boolean): boolean {
  return (verb && (before === 'INSERT' || before === 'MERGE')) || before === 'AS' || before === '.'
}

function isLock(words: readonly string[], at: number): boolean {
  switch (words[at]) {
    case 'UPDATE':
    case 'SHARE':
      return true
    case 'NO':
      return words[at + 1] === 'KEY' && words[at + 2] === 'UPDATE'
    case 'KEY':
      return words[at + 1] === 'SHARE'
    default:
      return false
  }
}

/**
 * Where the function begins (its schema) that is called at token i, a word in front of a parenthesis;
 * -1 if that word is something else: syntax, a type, an alias with columns.
 */
function callAt(
  words: readonly string[],
  from: number,
  i: number,
  distinctEnd: number,
  modifies: boolean,
): number {
  const word = words[i] as string
  let start = i
  while (start - 2 >= from && words[start - 1] === '.' && isWord(words[start - 2])) start -= 2
  if (start === i && (!isWord(word) || notFunctions.has(word))) return -1
  const before = start > from ? words[start - 1] : undefined
  switch (before) {
    case undefined:
      return start
    // Behind an operand there can be an alias, but no operand.
    case 'name':
    case 'quoted':
    case 'string':
    case 'number':
    case 'parameter':
    case ']':
      return -1
    case ')':
      return distinctEnd === start - 1 ? start : -1
    case '.':
      return start
    case '::':
    case 'AS':
    case 'EXECUTE':
    case 'INTO':
    case 'ORDINALITY':
    case 'TABLESAMPLE':
      return -1
    case 'BY':
      return word === 'ROLLUP' || word === 'CUBE' ? -1 : start
    case 'FETCH':
      return word === 'FIRST' || word === 'NEXT' ? -1 : start
    case 'GROUPING':
      return word === 'SETS' ? -1 : start
    case 'NOT':
      return word === 'MATERIALIZED' ? -1 : start
    case 'ON':
      return word === 'CONFLICT' && modifies ? -1 : start
    case 'THEN':
      return word === 'INSERT' && modifies ? -1 : start
    case 'TIME':
      return word === 'ZONE' ? -1 : start
    default:
      return start
  }
}

function isWord(word: string | undefined): boolean {
  if (word === undefined) return false
  if (word === 'name' || word === 'quoted') return true
  const code = word.charCodeAt(0)
  return code >= 65 && code <= 90
}
