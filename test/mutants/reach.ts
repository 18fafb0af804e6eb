import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A test that passes without a mutant, and what of the sources it comes by. */
export interface Reached {
  readonly name: string
  readonly file: string
  /** How long it takes, in milliseconds. */
  readonly cost: number
  /** How often it comes by each mutant, by the mutant's id. */
  readonly hits: Readonly<Record<string, number>>
}

const root = join(import.meta.dirname, '../..')
const pathOf = (part: string): string => join(root, 'report/mutants', `${part}.reach.json`)

/** What the tests of some files depend on that is worth a look: themselves, and the sources. */
export function mark(files: readonly string[], texts: ReadonlyMap<string, string>): string {
  const hash = createHash('sha1')
  for (const file of files) hash.update(readFileSync(join(root, file)))
  for (const text of texts.values()) hash.update(text)
  return hash.digest('hex')
}

/** What an earlier process has found out, unless something has changed since. */
export function readReach(part: string, mark: string): readonly Reached[] | undefined {
  try {
    const kept = JSON.parse(readFileSync(pathOf(part), 'utf8'))
    return kept.mark === mark ? kept.tests : undefined
  } catch {
    return undefined
  }
}

/** Keeps it. */
export function writeReach(part: string, mark: string, tests: readonly Reached[]): void {
  writeFileSync(pathOf(part), JSON.stringify({ mark, tests }))
}
