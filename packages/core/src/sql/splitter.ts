import type { Lexer } from './lexer.ts'
import type { Span } from './state.ts'

/**
 * The next statement, or undefined for an empty one. Semicolons in parentheses (CREATE RULE) and in a
 * body of BEGIN ATOMIC … END separate nothing. What is not closed makes the text ambiguous.
 */
export function nextStatement(lexer: Lexer): Span | undefined {
  lexer.forget()
  const { words } = lexer
  let depth = 0
  // CASE ends with END as well, and both words are reserved, so they are counted together.
  let blocks = 0
  for (let i = 0; !lexer.done; ) {
    lexer.next()
    for (; i < words.length; i++) {
      switch (words[i]) {
        case '(':
          depth++
          break
        case ')':
          if (depth > 0) depth--
          else lexer.ambiguous = true
          break
        case 'BEGIN':
          if (words[i + 1] === 'ATOMIC' && words[0] === 'CREATE') blocks++
          break
        case 'CASE':
          if (blocks > 0 && !isLabel(words[i - 1])) blocks++
          break
        case 'END':
          if (blocks > 0 && !isLabel(words[i - 1])) blocks--
          break
        case ';':
          if (depth > 0 || blocks > 0) break
          return i > 0 ? { tokens: lexer, from: 0, to: i } : undefined
      }
    }
  }
  if (depth > 0 || blocks > 0) lexer.ambiguous = true
  return words.length > 0 ? { tokens: lexer, from: 0, to: words.length } : undefined
}

/** Behind these any keyword is the name of a column. */
function isLabel(before: string | undefined): boolean {
  return before === 'AS' || before === '.'
}
