/** A change of a text of SQL, or of a list in one. */
export interface Change {
  /** Where it begins. */
  readonly at: number
  readonly was: string
  /** What takes its place; of a list, the whole list without it. */
  readonly is: string
}

interface Token {
  readonly word: string
  readonly from: number
  readonly to: number
  /** How many parentheses it stands in. */
  readonly depth: number
}

const token =
  /E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|[\w$.]+(?:\.[\w$]+)*|[(),;]|[^\s\w(),;'"]+/g
const ends = new Set(
  'AND OR UNION GROUP ORDER HAVING THEN ELSE WHEN JOIN LEFT CROSS WHERE END AS FROM , ;'.split(' '),
)
const starts = new Set('WHERE ON WHEN HAVING ( SELECT , AND OR ELSE THEN'.split(' '))

/**
 * Every small change of a question that leaves a question: a condition less, a branch of a union less, an
 * element of a list less, another word in the place of NOT or LEFT. Whether the server takes it as one is
 * for the server to say.
 * @param fixed strings that are changed elsewhere
 */
export function changesOf(text: string, fixed: ReadonlySet<string>): Change[] {
  const tokens = tokensOf(text)
  const found: Change[] = []
  const put = (from: number, to: number, is = ''): void => {
    found.push({ at: from, was: text.slice(from, to), is })
  }
  for (const [i, { word, from, to, depth }] of tokens.entries()) {
    const next = endOf(tokens, i + 1, depth, text)
    if (word === 'AND' || word === 'OR') {
      put(from, next)
      const start = startOf(tokens, i, depth)
      if (start !== undefined) put(start, to)
    } else if (word === 'UNION') {
      put(from, unionEnd(tokens, i, depth, text))
    } else if (word === 'WHERE' && !hasConnective(tokens, i, depth)) put(to, next, ' true')
    else if (word === 'NOT' || word === 'LEFT') put(from, to)
    else if (word === ',' && isInList(tokens, i)) {
      const item = tokens[i + 1] as Token
      put(from, tokens[i + 2]?.word === '::' ? (tokens[i + 3] as Token).to : item.to)
      const first = tokens.findLast((each, j) => j < i && each.word === '(') as Token
      if (!tokens.some((each) => each.word === ',' && each.from > first.from && each.to < to)) {
        put(first.to, to)
      }
    } else if (/^'\{.+,.+\}'$/.test(word)) {
      for (const each of without(word, ',')) put(from, to, each)
    } else if (/^E?'.*\|.*'$/.test(word) && !fixed.has(word)) {
      const start = word.indexOf("'") + 1
      for (const { is } of alternativesOf(word.slice(start, -1))) {
        put(from, to, `${word.slice(0, start)}${is}'`)
      }
    }
  }
  return found
}

/** A regular expression, or names between bars, with each of its alternatives left out in turn. */
export function alternativesOf(pattern: string): Change[] {
  const found: Change[] = []
  const outside: number[] = []
  let from = 0
  for (let i = 0; i <= pattern.length; i++) {
    const char = pattern[i]
    if (char === '\\') i++
    if (char === '(') {
      outside.push(from)
      from = i + 1
    }
    if (char !== '|' && char !== ')' && i < pattern.length) continue
    const was = pattern.slice(from, i)
    const less = (start: number, end: number): string =>
      pattern.slice(0, start) + pattern.slice(end)
    if (char === '|') found.push({ at: from, was, is: less(from, i + 1) })
    else if (pattern[from - 1] === '|') found.push({ at: from, was, is: less(from - 1, i) })
    from = char === '|' ? i + 1 : (outside.pop() ?? 0)
  }
  return found
}

function without(list: string, separator: string): string[] {
  const items = list.slice(2, -2).split(separator)
  return items.map((_, i) => `'{${items.filter((__, j) => j !== i).join(separator)}}'`)
}

function tokensOf(text: string): Token[] {
  let depth = 0
  return [...text.matchAll(token)].map(({ 0: word, index }) => {
    if (word === ')') depth--
    const at = { word, from: index, to: index + word.length, depth }
    if (word === '(') depth++
    return at
  })
}

/** Where what begins at a token ends that stands in so many parentheses. */
function endOf(tokens: readonly Token[], at: number, depth: number, text: string): number {
  const end = tokens.findIndex(
    (each, i) => i >= at && (each.depth < depth || (each.depth === depth && ends.has(each.word))),
  )
  return end < 0 ? text.length : (tokens[end - 1] as Token).to
}

function unionEnd(tokens: readonly Token[], at: number, depth: number, text: string): number {
  const end = tokens.findIndex(
    (each, i) =>
      i > at &&
      (each.depth < depth || (each.depth === depth && ['UNION', 'HAVING'].includes(each.word))),
  )
  return end < 0 ? text.length : (tokens[end - 1] as Token).to
}

/** Where the first of several conditions begins, if this is what follows it. */
function startOf(tokens: readonly Token[], at: number, depth: number): number | undefined {
  for (let i = at - 1; i >= 0; i--) {
    const { word, depth: other, to } = tokens[i] as Token
    const opens = word === '(' && other === depth - 1
    if (!opens && !(other === depth && word !== '(' && starts.has(word))) continue
    return word === 'AND' || word === 'OR' ? undefined : to
  }
  return undefined
}

function hasConnective(tokens: readonly Token[], at: number, depth: number): boolean {
  for (const { word, depth: other } of tokens.slice(at + 1)) {
    if (other < depth) return false
    if (other > depth) continue
    if (word === 'AND' || word === 'OR') return true
    if (['UNION', 'GROUP', 'ORDER', 'WHERE', ';'].includes(word)) return false
  }
  return false
}

/** Whether a comma stands in an IN (…) of texts or numbers. */
function isInList(tokens: readonly Token[], at: number): boolean {
  let i = at
  while (i > 0 && tokens[i]?.word !== '(') {
    if (!/^[',\w:]/.test(tokens[i]?.word ?? '')) return false
    i--
  }
  return tokens[i - 1]?.word === 'IN'
}
