import { notifies, ofCalls } from './calls.ts'
import { changed, judgeCreate, ofTarget, queryBehind } from './definition.ts'
import { type Judgement, type Kind, nothing, type Savepoint, unknown } from './judgement.ts'
import { upper } from './names.ts'
import { readQuery } from './query.ts'
import { ofCommand, ofCursor, ofReset, ofSet, type Span } from './state.ts'
import { nameAt, written } from './tokens.ts'

/** Judges the statement that the tokens of a span spell (gram.y: toplevel_stmt). */
export function judge(span: Span): Judgement {
  const { tokens, to } = span
  let head = span.from
  while (tokens.words[head] === '(' && head + 1 < to) head++
  const word = tokens.words[head] as string
  if (head > span.from) {
    // Only a query can stand in parentheses.
    const query = word === 'SELECT' || word === 'WITH' || word === 'VALUES' || word === 'TABLE'
    return query ? judgeQuery(span, word) : unknown(word)
  }
  return judgeVerb(span, word)
}

function judgeVerb(span: Span, verb: string): Judgement {
  const { from } = span
  const { words } = span.tokens
  switch (verb) {
    case 'SELECT':
    case 'VALUES':
    case 'TABLE':
    case 'WITH':
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'MERGE':
      return judgeQuery(span, verb)
    case 'EXECUTE':
      return { ...withCalls(span, from, verb, 'write'), carriesWitness: true }
    case 'SHOW':
      return { ...nothing, verb, kind: 'read', reads: true }
    case 'EXPLAIN':
      return judgeExplain(span)
    case 'CREATE':
      return judgeCreate(span)
    case 'ALTER':
    case 'DROP':
      return { ...nothing, verb, kind: 'definition', ...changed(span) }
    case 'COMMENT':
    case 'GRANT':
    case 'IMPORT':
    case 'LOCK':
    case 'REASSIGN':
    case 'REFRESH':
    case 'REVOKE':
    case 'SECURITY':
    case 'TRUNCATE':
      return { ...nothing, verb, kind: 'definition', carriesWitness: true }
    case 'NOTIFY':
      return { ...nothing, verb, kind: 'other', carriesWitness: true, notifies: true }
    case 'BEGIN':
      return { ...nothing, verb, kind: 'transaction', control: 'begin' }
    case 'START':
      if (words[from + 1] !== 'TRANSACTION') break
      return { ...nothing, verb, kind: 'transaction', control: 'begin' }
    case 'COMMIT':
    case 'END':
    case 'ROLLBACK':
    case 'ABORT':
      return judgeEnd(span, verb)
    case 'SAVEPOINT':
      return {
        ...nothing,
        verb,
        kind: 'transaction',
        savepoint: savepointAt(span, from + 1, 'set'),
      }
    case 'RELEASE': {
      const at = words[from + 1] === 'SAVEPOINT' && from + 2 < span.to ? from + 2 : from + 1
      return { ...nothing, verb, kind: 'transaction', savepoint: savepointAt(span, at, 'release') }
    }
    case 'PREPARE':
      if (words[from + 1] === 'TRANSACTION' && words[from + 2] === 'string') {
        return { ...nothing, verb, kind: 'transaction', control: 'prepare', canCommit: true }
      }
      return {
        ...nothing,
        verb,
        kind: 'state',
        state: [...ofCommand(span), ...ofCalls(span, queryBehind(span, 'AS'), true)],
      }
    case 'CALL':
    case 'DO':
      return { ...withCalls(span, from, verb, 'procedure'), canCommit: true }
    case 'SET':
      return { ...nothing, verb, kind: 'state', state: ofSet(span) }
    case 'RESET':
      return { ...nothing, verb, kind: 'state', state: ofReset(span) }
    case 'LISTEN':
    case 'UNLISTEN':
    case 'DEALLOCATE':
    case 'DISCARD':
    case 'LOAD':
      return { ...nothing, verb, kind: 'state', state: ofCommand(span) }
    case 'DECLARE': {
      const query = queryBehind(span, 'FOR')
      const state = [...ofCursor(span), ...ofCalls(span, query, true)]
      return { ...nothing, verb, kind: 'cursor', functions: query.functions, state }
    }
    case 'FETCH':
    case 'MOVE':
    case 'CLOSE':
      return { ...nothing, verb, kind: 'cursor', state: ofCursor(span) }
    case 'COPY':
      return {
        ...(words[from + 1] === '('
          ? withCalls(span, from + 1, verb, 'copy')
          : { ...nothing, verb, kind: 'copy' }),
        canCommit: runsProgram(span),
      }
    case 'ANALYZE':
    case 'ANALYSE':
    // Statistics again, checkpoint again: nobody is harmed by half of it.
    case 'CHECKPOINT':
      return { ...nothing, verb, kind: 'other' }
  }
  // VACUUM, CLUSTER and REINDEX commit as they go. So may whatever is not known here: replication
  // commands, and what later versions bring.
  return unknown(verb === 'name' ? upper(written(span.tokens, from)) : verb)
}

/** Whether a COPY hands its rows to a program, or takes them from one: nothing undoes what that does. */
function runsProgram({ tokens: { words }, from, to }: Span): boolean {
  for (let i = from + 1; i < to; i++) {
    if (words[i] === 'PROGRAM' && (words[i - 1] === 'TO' || words[i - 1] === 'FROM')) return true
  }
  return false
}

/** A statement that is no query but has expressions in it, which is never run again as it is. */
function withCalls(span: Span, from: number, verb: string, kind: Kind): Judgement {
  const query = readQuery(span.tokens, from, span.to)
  return {
    ...nothing,
    verb,
    kind,
    notifies: notifies(span, query),
    functions: query.functions,
    state: ofCalls(span, query, true),
  }
}

function judgeQuery(span: Span, verb: string): Judgement {
  const query = readQuery(span.tokens, span.from, span.to)
  const { modifies, locks, into, functions, outlasts } = query
  const reads = !modifies && !locks && into < 0
  let state = ofCalls(span, query, false)
  if (into >= 0) state = [...ofTarget(span, into + 1, 'TABLE'), ...state]
  return {
    verb,
    kind: modifies ? 'write' : into >= 0 ? 'definition' : 'read',
    control: '',
    chains: false,
    savepoint: undefined,
    canCommit: false,
    reads,
    carriesWitness: !reads || functions.length > 0,
    notifies: notifies(span, query),
    functions,
    outlasts,
    orderFree: query.orderFree,
    state,
  }
}

/** COMMIT, END, ROLLBACK and ABORT in all their forms (gram.y: TransactionStmt). */
function judgeEnd(span: Span, verb: string): Judgement {
  const { words } = span.tokens
  let i = span.from + 1
  if (words[i] === 'PREPARED') return { ...nothing, verb, kind: 'transaction', canCommit: true }
  if (words[i] === 'WORK' || words[i] === 'TRANSACTION') i++
  if (words[i] === 'TO') {
    const at = words[i + 1] === 'SAVEPOINT' && i + 2 < span.to ? i + 2 : i + 1
    return { ...nothing, verb, kind: 'transaction', savepoint: savepointAt(span, at, 'back') }
  }
  const control = verb === 'COMMIT' || verb === 'END' ? 'commit' : 'rollback'
  const chains = words[i] === 'AND' && words[i + 1] === 'CHAIN'
  return { ...nothing, verb, kind: 'transaction', control, chains }
}

function savepointAt(
  { tokens, to }: Span,
  at: number,
  act: Savepoint['act'],
): Savepoint | undefined {
  return at < to ? { act, name: nameAt(tokens, at) } : undefined
}

/** EXPLAIN plans and does nothing; with ANALYZE it does what its statement does, and more slowly. */
function judgeExplain(span: Span): Judgement {
  const { tokens, from, to } = span
  const { words } = tokens
  const verb = 'EXPLAIN'
  let i = from + 1
  let analyzes = false
  if (words[i] === '(' && !beginsQuery(words[i + 1])) {
    for (i++; i < to && words[i] !== ')'; i++) {
      const option = words[i] === 'quoted' ? upper(nameAt(tokens, i)) : words[i]
      if ((option === 'ANALYZE' || option === 'ANALYSE') && !isOff(span, i + 1)) analyzes = true
    }
    i++
  } else {
    for (; words[i] === 'ANALYZE' || words[i] === 'ANALYSE' || words[i] === 'VERBOSE'; i++) {
      if (words[i] !== 'VERBOSE') analyzes = true
    }
  }
  if (!analyzes) return { ...nothing, verb, kind: 'read', reads: true }
  if (i >= to || words[i] === verb) return unknown(verb)
  const inner = judge({ tokens, from: i, to })
  const { kind, canCommit } = inner
  const runs = kind === 'read' || kind === 'write' || kind === 'definition'
  // Running it again means an EXPLAIN ANALYZE again, whatever it was asked of.
  const state = inner.state.map((change) => ({ ...change, text: textOf(span) }))
  return {
    ...inner,
    verb,
    reads: false,
    orderFree: false,
    carriesWitness: runs && !canCommit,
    state,
  }
}

function beginsQuery(word: string | undefined): boolean {
  return (
    word === '(' || word === 'SELECT' || word === 'WITH' || word === 'VALUES' || word === 'TABLE'
  )
}

function isOff(span: Span, i: number): boolean {
  const word = span.tokens.words[i]
  if (word === 'FALSE' || word === 'OFF') return true
  return (
    (word === 'string' || word === 'number') && /^'?(0|false|off)'?$/i.test(written(span.tokens, i))
  )
}

function textOf(span: Span): string {
  const { tokens, from, to } = span
  return tokens.text.slice(tokens.starts[from], tokens.ends[to - 1])
}
