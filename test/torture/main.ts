import { command } from '../lanes/command.ts'
import { Progress } from '../lanes/progress.ts'
import { help, optionsOf } from './options.ts'
import { torture } from './run.ts'
import { type Verdict, verdictOf, verdictTable } from './verdict.ts'

await command(async (argv, signal) => {
  const options = optionsOf(argv)
  if (options === undefined) {
    console.log(help)
    return 0
  }
  const { control, json, seed, subjects } = options
  const progress = new Progress(json ? process.stderr : process.stdout)
  progress.say(`seed ${seed}`)
  const verdicts: Verdict[] = []
  for (const subject of subjects) {
    verdicts.push(verdictOf(await torture(subject, options, progress, signal)))
  }
  if (json) console.log(JSON.stringify({ seed, verdicts }, undefined, 2))
  else console.log(`\n${verdictTable(verdicts)}`)
  return control ? judgeControl(verdicts) : judge(verdicts)
})

function judge(verdicts: readonly Verdict[]): number {
  const breaches = verdicts.flatMap((verdict) => verdict.breaches)
  for (const breach of breaches) console.error(breach)
  return breaches.length > 0 ? 1 : 0
}

/** A control that was not caught means that these faults would not catch Reprise either. */
function judgeControl(verdicts: readonly Verdict[]): number {
  if (verdicts.some(({ duplicated }) => duplicated > 0)) return 0
  console.error('The naive retry was not caught writing twice: these faults prove nothing.')
  return 1
}
