import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { breaches } from '../lanes/breaches.ts'
import { command } from '../lanes/command.ts'
import { Progress } from '../lanes/progress.ts'
import { help, optionsOf } from './options.ts'
import { reportData } from './page/data.ts'
import { page } from './page/page.ts'
import { picture } from './page/picture.ts'
import { resultOf } from './result.ts'
import { run } from './run.ts'
import { summary } from './summary.ts'

await command(async (argv, signal) => {
  const options = optionsOf(argv)
  if (options === undefined) {
    console.log(help)
    return 0
  }
  const progress = new Progress(options.json ? process.stderr : process.stdout)
  const demo = await run(options, progress, signal)
  const results = demo.findings.map((finding) => resultOf(finding, demo.end))
  if (options.json) console.log(JSON.stringify(results, undefined, 2))
  else console.log(`\n${summary(demo)}`)
  const report = resolve(options.report)
  await mkdir(dirname(report), { recursive: true })
  const data = reportData(demo)
  const start = relative(dirname(report), join(import.meta.dirname, '../../docs/start/index.md'))
  await writeFile(report, page(data, start))
  if (options.picture !== undefined) await writeFile(resolve(options.picture), picture(data))
  progress.say(`\nThe same as a picture: ${report}`)
  const broken = demo.findings.filter(({ lane }) => lane.order.reprise !== false).flatMap(breaches)
  for (const breach of broken) console.error(`With Reprise, ${breach}`)
  return broken.length > 0 ? 1 : 0
})
