import { whyNot } from './explained.ts'
import type { Mutant } from './instrument.ts'
import type { Ledger } from './ledger.ts'
import { type Score, words } from './scores.ts'

/** What became of the mutants of each file that all have been tried. */
export function scoresOf({ mutants, verdicts, pending = [] }: Ledger): Map<string, Score> {
  const scores = new Map<string, Score>()
  for (const file of new Set(mutants.map((mutant) => mutant.file))) {
    const all = mutants.filter((mutant) => mutant.file === file)
    if (all.some(({ name }) => verdicts[name] === undefined || pending.includes(name))) continue
    const left = all.filter(({ name }) => verdicts[name] !== 'killed')
    const explained = left.filter((mutant) => whyNot(mutant) !== undefined).length
    scores.set(file, { mutants: all.length, killed: all.length - left.length, explained })
  }
  return scores
}

/** Prints the survivors that nothing explains, and the score of each file. */
export function report(ledger: Ledger): void {
  const { mutants, verdicts, pending = [] } = ledger
  const lives = ({ name }: Mutant): boolean => !['killed', undefined].includes(verdicts[name])
  for (const mutant of mutants.filter(lives)) {
    if (whyNot(mutant) !== undefined) continue
    const { name, file, line, kind, was, is } = mutant
    console.log(`${verdicts[name]} ${file}:${line} ${kind}: ${was}  =>  ${is}`)
  }
  for (const [file, score] of scoresOf(ledger)) console.log(`${file}: ${words(score)}`)
  if (pending.length > 0) console.log(`${pending.length} are to be tried still: --resume`)
}
