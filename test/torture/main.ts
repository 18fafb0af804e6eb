import { command } from '../lanes/command.ts'
import { Progress } from '../lanes/progress.ts'
import { cellTable } from './cluster/cell.ts'
import { tortureCluster } from './cluster/run.ts'
import { help, optionsOf, type TortureOptions } from './options.ts'
import { torture } from './run.ts'
import { type Verdict, verdictOf, verdictTable } from './verdict.ts'

await command(async (argv, signal) => {
  const asked = optionsOf(argv)
  if (asked === undefined) {
    console.log(help)
    return 0
  }
  const { control, json, seed } = 'one' in asked ? asked.one : asked.cluster
  const progress = new Progress(json ? process.stderr : process.stdout)
  progress.say(`seed ${seed}`)
  const report = (verdicts: readonly Judged[], shown: string): number => {
    if (json) console.log(JSON.stringify({ seed, verdicts }, undefined, 2))
    else console.log(`\n${shown}`)
    return control ? judgeControl(verdicts) : judge(verdicts)
  }
  if ('cluster' in asked) {
    const cells = await tortureCluster(asked.cluster, progress, signal)
    return report(cells, cellTable(cells))
  }
  const verdicts = await tortureEach(asked.one, progress, signal)
  return report(verdicts, verdictTable(verdicts))
})

type Judged = Pick<Verdict, 'breaches' | 'duplicated'>

async function tortureEach(
  options: TortureOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const subject of options.subjects) {
    verdicts.push(verdictOf(await torture(subject, options, progress, signal)))
  }
  return verdicts
}

function judge(verdicts: readonly Judged[]): number {
  const breaches = verdicts.flatMap((verdict) => verdict.breaches)
  for (const breach of breaches) console.error(breach)
  return breaches.length > 0 ? 1 : 0
}

/** A control that was not caught means that these faults would not catch Reprise either. */
function judgeControl(verdicts: readonly Judged[]): number {
  if (verdicts.some(({ duplicated }) => duplicated > 0)) return 0
  console.error('The naive retry was not caught writing twice: these faults prove nothing.')
  return 1
}
