import { Lexer } from './lexer.ts'
import { written } from './tokens.ts'

/**
 * The text without its values: numbers, strings and parameters are alike, lists of them are as one.
 * Texts that do the same with other values answer the same; a DO is told apart by all of its body.
 */
export function fingerprint(text: string): string {
  const lexer = new Lexer(text)
  const parts: string[] = []
  while (!lexer.done) {
    lexer.forget()
    lexer.next()
    const whole = lexer.words[0] === 'DO'
    lexer.words.forEach((word, i) => {
      let part = word
      if (word === 'string' || word === 'number' || word === 'parameter') part = '?'
      if (word === 'name' || word === 'quoted' || (whole && part === '?')) part = written(lexer, i)
      const last = parts.length - 1
      if (part === '?' && parts[last] === ',' && parts[last - 1] === '?') parts.pop()
      else if (part === ')' && endsLikeBefore(parts)) parts.splice(-3)
      else parts.push(part)
    })
  }
  return parts.join(' ')
}

/** Whether what ends here is `( ? ) , ( ?`, the second of equal rows. */
function endsLikeBefore(parts: readonly string[]): boolean {
  return parts.slice(-6).join(' ') === '( ? ) , ( ?'
}
