import { command } from '../lanes/command.ts'
import { herd } from './herd.ts'
import { hotPath } from './hot-path.ts'
import { memory } from './memory.ts'
import { type BenchOptions, help, optionsOf } from './options.ts'
import { peers } from './peers.ts'
import { record, report } from './record.ts'
import { recovery } from './recovery.ts'
import type { Section } from './section.ts'
import { texts } from './texts.ts'

/** What a measurement came to: for machines, and for readers. */
interface Measured {
  readonly figures: unknown
  readonly section: Section
}

type Measure = (
  options: BenchOptions,
  told: (cells: readonly string[]) => void,
) => Promise<Measured>

const measures: Readonly<Record<BenchOptions['measure'], Measure>> = {
  'hot-path': hotPath,
  texts,
  recovery,
  herd,
  peers,
  memory,
}

await command(async (argv, signal) => {
  // Servers and processes are cleaned up behind whoever ends.
  signal.addEventListener('abort', () => process.exit(130))
  const options = optionsOf(argv)
  if (options === undefined) {
    console.log(help)
    return 0
  }
  const told = (cells: readonly string[]): void => {
    if (!options.json)
      console.log(
        cells
          .map((cell, at) => cell.padEnd(at === 0 ? 34 : 14))
          .join(' ')
          .trimEnd(),
      )
  }
  const { figures, section } = await measures[options.measure](options, told)
  const file = await report(section, options.report)
  if (options.record) await record(section)
  if (options.json) console.log(JSON.stringify({ machine: section.machine, figures }, null, 2))
  else
    console.log(
      `\n${section.machine.made}, ${section.machine.words}.\nThe same as a picture: ${file}`,
    )
  return 0
})
