import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What became of the mutants of one file. */
export interface Score {
  readonly mutants: number
  readonly killed: number
  /** Survivors of which explained.ts says why no test has to notice. */
  readonly explained: number
}

const path = join(import.meta.dirname, 'scores.json')

function known(): Record<string, Score> {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Keeps the scores of files that have been tried whole, by all tests there are for them. */
export function keepScores(scores: ReadonlyMap<string, Score>): void {
  const all = Object.entries({ ...known(), ...Object.fromEntries(scores) })
  const sorted = Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(path, `${JSON.stringify(sorted, undefined, 2)}\n`)
}

/** Prints what is known. */
export function printScores(): void {
  for (const [file, score] of Object.entries(known())) console.log(`${file}: ${words(score)}`)
}

/** A score in words. */
export function words({ mutants, killed, explained }: Score): string {
  const percent = ((100 * killed) / mutants).toFixed(1)
  const left = mutants - killed - explained
  return `${percent} % of ${mutants} killed, ${explained} survivors explained, ${left} not`
}
