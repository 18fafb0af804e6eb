import { lower } from './names.ts'

/**
 * The tokens of a text, side by side. A word is a keyword in upper case, a mark as it is written, or
 * in lower case the class of what stands there: `name`, `quoted`, `string`, `number`, `parameter`,
 * `operator`. Comments and white space leave nothing.
 */
export interface Tokens {
  readonly text: string
  readonly words: readonly string[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** Constants were left out of a list, or rows of constants out of VALUES. */
  readonly shortened: boolean
}

/** What is written at token i. */
export function written(tokens: Tokens, i: number): string {
  return tokens.text.slice(tokens.starts[i], tokens.ends[i])
}

/**
 * The name that token i spells: folded to lower case unless quoted (src/backend/parser/scansup.c
 * folds ASCII only, in UTF-8). A U&"…" name stays as it is written, which equals no plain name.
 */
export function nameAt(tokens: Tokens, i: number): string {
  const name = written(tokens, i)
  if (tokens.words[i] !== 'quoted') return lower(name)
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}
