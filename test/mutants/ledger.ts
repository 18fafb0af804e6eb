import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Mutant } from './instrument.ts'

/**
 * What became of a mutant. `suspect`: a test failed, and failed afterwards without it, too, so that it
 * has to be tried first thing in a new process.
 */
export type Verdict = 'killed' | 'survived' | 'uncovered' | 'suspect'

/** What is known of the mutants of one part, kept in a file from one process to the next. */
export interface Ledger {
  /** All that there are. */
  mutants: readonly Mutant[]
  /** What became of each, by its name. */
  readonly verdicts: Record<string, Verdict>
  /** The tests that killed them. */
  readonly killers: Record<string, string>
  /** The names of those that are to be tried; all of them before anybody knows which there are. */
  pending: string[] | undefined
  /** The one that is being tried. */
  trying: string | undefined
  /** Which of the part's kinds of tests they meet: 0 for the quick ones, 1 for those on real servers. */
  readonly stage?: number
}

const pathOf = (part: string): string =>
  join(import.meta.dirname, '../../report/mutants', `${part}.json`)

/** What was kept of a part. */
export function readLedger(part: string): Ledger {
  return JSON.parse(readFileSync(pathOf(part), 'utf8')) as Ledger
}

/** When something was last kept of a part, in milliseconds. */
export function lastKept(part: string): number {
  return statSync(pathOf(part)).mtimeMs
}

/** Keeps what is known. */
export function writeLedger(part: string, ledger: Ledger): void {
  mkdirSync(dirname(pathOf(part)), { recursive: true })
  // Whole or not at all: the process may be stopped.
  writeFileSync(`${pathOf(part)}.new`, JSON.stringify(ledger, undefined, 1))
  renameSync(`${pathOf(part)}.new`, pathOf(part))
}
