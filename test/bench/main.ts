import { parseArgs } from 'node:util'
import { reprise } from '@reprise/pg'
import pg from 'pg'
import { Server } from '../kit/index.ts'
import { type Figure, paired } from './paired.ts'
import { texts } from './texts.ts'
import { workloads } from './workloads.ts'

const usage = `Measures what Reprise costs on the hot path: the same work by plain pg and through Reprise, in
turns, on one server, reported as a ratio (1.00: as fast as plain pg; 0.97: 3 % slower).

  npx -y pnpm@12 bench [--seconds N] [--callers N] [--only read,insert] [--durable] [--json]

  npx -y pnpm@12 bench texts [--seconds N] [--json]

  texts         what texts cost that were never sent before, from 10 characters to 20 million: judging
                them, the call of query(), and how much longer the answer takes than by plain pg
  --seconds N   how long each workload runs, both sides together (default 8)
  --callers N   statements under way at once (default 8)
  --only A,B    only these workloads: ${Object.keys(workloads).join(', ')}
  --durable     with fsync, as a server in production; without it commits cost nothing
  --json        one object per workload on stdout
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '8' },
    callers: { type: 'string', default: '8' },
    only: { type: 'string' },
    durable: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const callers = Number(values.callers)
const names = values.only?.split(',') ?? Object.keys(workloads)
const unknown = names.find((name) => !(name in workloads))
if (unknown !== undefined || !(callers > 0) || !(Number(values.seconds) > 0)) {
  console.error(
    unknown === undefined ? 'Numbers must be above 0.' : `There is no workload '${unknown}'.`,
  )
  process.exit(2)
}

if (positionals[0] === 'texts') {
  if (!values.json)
    console.log(
      `${'text'.padEnd(12)}${'size'.padStart(10)}${'judged'.padStart(14)}${'ns/byte'.padStart(9)}${'plain blocks'.padStart(14)}${'reprise blocks'.padStart(16)}${'ratio'.padStart(7)}`,
    )
  const found = await texts((Number(values.seconds) * 1000) / 8, (figure) => {
    if (values.json) return
    const { sort, size, judging, blocksPlain, blocksReprise, ratio } = figure
    console.log(
      `${sort.padEnd(12)}${String(size).padStart(10)}${`${(judging / 1000).toFixed(1)} us`.padStart(14)}${(judging / size).toFixed(2).padStart(9)}${`${blocksPlain.toFixed(2)} ms`.padStart(14)}${`${blocksReprise.toFixed(2)} ms`.padStart(16)}${ratio.toFixed(2).padStart(7)}`,
    )
  })
  if (values.json) console.log(JSON.stringify(found, null, 2))
  process.exit(0)
}
if (positionals.length > 0) {
  console.error(`There is nothing to measure by the name of '${positionals[0]}'.`)
  process.exit(2)
}

const server = await Server.start({ settings: { fsync: values.durable ? 'on' : 'off' } })
const figures: Figure[] = []
try {
  const url = await server.createDatabase()
  const plain = new pg.Pool({ connectionString: url, max: callers })
  const ours = new pg.Pool({ connectionString: url, max: callers, ...reprise() })
  await plain.query(
    'CREATE TABLE item (id int PRIMARY KEY, name text, amount int); CREATE TABLE log (note text)',
  )
  await plain.query("INSERT INTO item SELECT i, 'item ' || i, i FROM generate_series(1, 1000) i")
  if (!values.json)
    console.log(
      `${'workload'.padEnd(14)}${'plain/s'.padStart(10)}${'reprise/s'.padStart(11)}${'ratio'.padStart(8)}`,
    )
  for (const name of names) {
    const work = workloads[name] as (typeof workloads)[string]
    const figure = await paired(
      name,
      () => work(plain),
      () => work(ours),
      callers,
      Number(values.seconds) * 1000,
    )
    figures.push(figure)
    if (!values.json) {
      const { plain: theirs, reprise: mine, ratio } = figure
      console.log(
        `${name.padEnd(14)}${theirs.toFixed(0).padStart(10)}${mine.toFixed(0).padStart(11)}${ratio.toFixed(3).padStart(8)}`,
      )
    }
  }
  await plain.end()
  await ours.end()
} finally {
  await server.dispose()
}
if (values.json) console.log(JSON.stringify(figures, null, 2))
