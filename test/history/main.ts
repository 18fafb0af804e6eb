import { randomInt } from 'node:crypto'
import { page, positive, read, subjects, words } from '../lanes/arguments.ts'
import { command } from '../lanes/command.ts'
import { table } from '../lanes/table.ts'
import { faultNames } from '../torture/options.ts'
import { check, isolations } from './check.ts'
import { record } from './record.ts'
import type { Anomaly } from './transaction.ts'

const flags = {
  subject: {
    value: 'A,B',
    help: 'all (the default), or some of pg, prisma, kysely, typeorm, mikro-orm',
  },
  isolation: { value: 'A,B', help: `some of ${isolations.join(', ')} (default all)` },
  faults: { value: 'A,B', help: 'some of kill, cut, restart, freeze (default kill,cut,restart)' },
  seconds: { value: 'N', help: 'how long each subject is under fire at each level (default 60)' },
  workers: { value: 'N', help: 'how many callers each subject has (default 8)' },
  seed: { value: 'N', help: 'makes the same random choices again' },
  control: { help: 'raw pg with a naive retry instead: succeeds when anomalies are found' },
  help: { help: 'print this page' },
} as const

await command(async (argv, signal) => {
  const typed = read(argv, flags)
  if (typed.help) {
    console.log(
      page(
        `history: each client with Reprise appends to lists and reads them while its connections are killed
and cut and the server restarts; then its history is checked for lost and doubled elements and for
what its isolation level forbids.`,
        flags,
      ),
    )
    return 0
  }
  const control = typed.control ?? false
  const seed = Math.floor(positive(typed.seed, 'seed', randomInt(1, 2 ** 31)))
  console.log(`seed ${seed}`)
  const found: Anomaly[] = []
  const rows: string[][] = []
  for (const isolation of words(typed.isolation, 'isolation', isolations, isolations)) {
    for (const subject of control ? (['pg'] as const) : subjects(typed.subject, 'subject')) {
      const { history, lists, faults } = await record(
        {
          subject,
          isolation,
          faults: words(typed.faults, 'faults', faultNames, ['kill', 'cut', 'restart']),
          seconds: positive(typed.seconds, 'seconds', 60),
          workers: Math.ceil(positive(typed.workers, 'workers', 8)),
          seed,
          control,
        },
        signal,
      )
      const anomalies = check(history, lists, isolation)
      found.push(...anomalies)
      const ended = (end: string): string => String(history.filter((of) => of.end === end).length)
      rows.push([
        subject,
        isolation,
        Object.entries(faults)
          .map(([name, times]) => `${name} ${times}`)
          .join(', '),
        ended('committed'),
        ended('aborted'),
        ended('unknown'),
        anomalies.length === 0 ? 'clean' : [...new Set(anomalies.map(({ kind }) => kind))].join(),
      ])
      for (const { kind, text } of anomalies.slice(0, 5)) console.error(`${kind}: ${text}`)
    }
  }
  const head = ['client', 'isolation', 'faults', 'committed', 'aborted', 'in doubt', 'verdict']
  console.log(table(head, rows))
  return found.length > 0 === control ? 0 : 1
})
