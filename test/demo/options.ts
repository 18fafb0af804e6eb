import { page, positive, read, subjects } from '../lanes/arguments.ts'
import type { SubjectName } from '../subjects/index.ts'

const flags = {
  seconds: { value: 'N', help: 'how long the fire lasts (default 35)' },
  only: { value: 'A,B', help: 'only these of pg, prisma, kysely, typeorm, mikro-orm' },
  report: { value: 'FILE', help: 'where to write the HTML report (default report/demo.html)' },
  picture: { value: 'FILE', help: 'write the timelines as SVG as well, to this file' },
  json: { help: 'print one object per lane, as a JSON array, and nothing else' },
  help: { help: 'print this page' },
} as const

/** What the demo is to do. */
export interface DemoOptions {
  readonly subjects: readonly SubjectName[]
  readonly seconds: number
  /** Where the HTML report goes. */
  readonly report: string
  /** Where the timelines go as a picture, if they are wanted. */
  readonly picture: string | undefined
  readonly json: boolean
}

/** Reads the command line; nothing where the help page is wanted. */
export function optionsOf(argv: readonly string[]): DemoOptions | undefined {
  const typed = read(argv, flags)
  if (typed.help) return undefined
  return {
    subjects: subjects(typed.only, 'only'),
    seconds: positive(typed.seconds, 'seconds', 35),
    report: typed.report ?? 'report/demo.html',
    picture: typed.picture,
    json: typed.json ?? false,
  }
}

/** The help page. */
export const help: string = page(
  `demo: five PostgreSQL clients move money, as they come, with a naive retry and with Reprise,
while backends are killed, answers to COMMIT are lost and the server restarts once.`,
  flags,
)
