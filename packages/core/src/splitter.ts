import type { Tokens } from './tokens.ts'

/**
 * Calls `found` with the tokens [from, to) of each statement. Semicolons in parentheses (CREATE RULE)
 * and in a body of BEGIN ATOMIC … END separate nothing. Returns whether all of these were closed.
 */
export function split(tokens: Tokens, found: (from: number, to: number) => void): boolean {
  const { words } = tokens
  let from = 0
  let depth = 0
  // CASE ends with END as well, and both words are reserved, so they are counted together.
  let blocks = 0
  let balanced = true
  for (let i = 0; i < words.length; i++) {
    switch (words[i]) {
      case '(':
        depth++
        break
      case ')':
        if (depth > 0) depth--
        else balanced = false
        break
      case 'BEGIN':
        if (words[i + 1] === 'ATOMIC' && words[from] === 'CREATE') blocks++
        break
      case 'CASE':
        if (blocks > 0 && !isLabel(words[i - 1])) blocks++
        break
      case 'END':
        if (blocks > 0 && !isLabel(words[i - 1])) blocks--
        break
      case ';':
        if (depth > 0 || blocks > 0) break
        if (i > from) found(from, i)
        from = i + 1
        break
    }
  }
  if (words.length > from) found(from, words.length)
  return balanced && depth === 0 && blocks === 0
}

/** Behind these any keyword is the name of a column. */
function isLabel(before: string | undefined): boolean {
  return before === 'AS' || before === '.'
}
