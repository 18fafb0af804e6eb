import type { Span } from './state.ts'

/** The columns of a plain SELECT, without FROM or anything behind its list, that are calls. */
export class Columns {
  readonly #span: Span
  #found: ReadonlyMap<number, number> | undefined

  constructor(span: Span) {
    this.#span = span
  }

  /** Which column is the whole of a call, and nothing else; -1 if none is. */
  of(call: number): number {
    this.#found ??= find(this.#span)
    return this.#found.get(call) ?? -1
  }
}

const none: ReadonlyMap<number, number> = new Map()

/** The columns by the token where the name of each begins. */
function find({ tokens, from, to }: Span): ReadonlyMap<number, number> {
  const { words } = tokens
  const found = new Map<number, number>()
  if (words[from] !== 'SELECT') return none
  let depth = 0
  let column = 0
  let start = from + 1
  for (let i = from + 1; i <= to; i++) {
    const word = i === to ? ',' : words[i]
    if (word === '(' || word === '[') depth++
    else if (word === ')' || word === ']') depth--
    if (depth > 0) continue
    if (i < to && endsList.has(word as string)) return none
    if (word !== ',') continue
    const first = words[start + 1] === '.' ? start + 2 : start
    if (isWhole(words, first, i)) found.set(first, column)
    // Behind this, columns can no longer be counted.
    if (words[i - 1] === '*') return none
    column++
    start = i + 1
  }
  return found
}

/** Whether nothing but a label stands between a call and the end of its column. */
function isWhole(words: readonly string[], call: number, end: number): boolean {
  let depth = 0
  let i = call + 1
  for (; i < end; i++) {
    if (words[i] === '(') depth++
    else if (words[i] === ')' && --depth === 0) break
  }
  const rest = end - i - 1
  return (
    rest === 0 || (rest === 1 && words[end - 1] !== ')') || (rest === 2 && words[i + 1] === 'AS')
  )
}

/** What can follow a select list. */
const endsList: ReadonlySet<string> = new Set(
  'FROM WHERE GROUP HAVING WINDOW UNION INTERSECT EXCEPT ORDER LIMIT OFFSET FETCH FOR DISTINCT ALL INTO'.split(
    ' ',
  ),
)
