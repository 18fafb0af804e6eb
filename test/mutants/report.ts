import type { Mutant } from './instrument.ts'
import type { Ledger } from './ledger.ts'

/** Prints the survivors, and the score of each file. */
export function report({ mutants, verdicts, pending = [] }: Ledger): void {
  const files = new Map<string, Mutant[]>()
  for (const mutant of mutants) {
    if (verdicts[mutant.name] === undefined || pending.includes(mutant.name)) continue
    const found = files.get(mutant.file)
    if (found) found.push(mutant)
    else files.set(mutant.file, [mutant])
  }
  for (const [file, all] of files) {
    const left = all.filter(({ name }) => verdicts[name] !== 'killed')
    for (const { name, line, kind, was, is } of left) {
      console.log(`${verdicts[name]} ${file}:${line} ${kind}: ${was}  =>  ${is}`)
    }
    const percent = (100 * (all.length - left.length)) / all.length
    console.log(`${file}: ${percent.toFixed(1)} % of ${all.length} killed\n`)
  }
  if (pending.length > 0) console.log(`${pending.length} are to be tried still: --resume`)
}
