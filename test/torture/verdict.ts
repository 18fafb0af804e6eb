import { breaches } from '../lanes/breaches.ts'
import { table } from '../lanes/table.ts'
import { type SubjectName, titles } from '../subjects/index.ts'
import type { Ordeal } from './run.ts'

/** What became of one subject: an element of `--json`. */
export interface Verdict {
  readonly subject: SubjectName
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>
  readonly acknowledged: number
  /** Errors that the application got, by what they said became of the work. */
  readonly errors: Readonly<Record<string, number>>
  readonly lost: number
  readonly duplicated: number
  /** In the database, though an error said that it was not, or said nothing. */
  readonly dishonest: number
  readonly crashes: number
  readonly hung: number
  readonly longestStallMs: number
  /** What Reprise promises never to let happen, in words. */
  readonly breaches: readonly string[]
}

/** Judges what became of one subject. */
export function verdictOf({ finding, faults, end }: Ordeal): Verdict {
  const { lane, audit, hung } = finding
  const { order, history } = lane
  const { dishonest } = audit.appliedThoughRejected
  const stall = history.longestStall(end)
  const found = breaches(finding)
  if (dishonest > 0) {
    found.push(`${titles[order.subject]}: ${dishonest} in the database though an error denied it`)
  }
  return {
    subject: order.subject,
    faults,
    acknowledged: history.acknowledged.length,
    errors: Object.fromEntries(history.kinds()),
    lost: audit.lost,
    duplicated: audit.duplicated,
    dishonest,
    crashes: history.crashes.length,
    hung,
    longestStallMs: Math.round(stall.to - stall.from),
    breaches: found,
  }
}

/** The verdicts as a table. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  const head = [
    'client',
    'faults',
    'acknowledged',
    'errors',
    'lost',
    'duplicated',
    'dishonest',
    'crashes',
    'hung',
    'longest stall',
  ]
  return table(
    head,
    verdicts.map((verdict) => [
      titles[verdict.subject],
      counted(verdict.faults),
      String(verdict.acknowledged),
      counted(verdict.errors) || '0',
      String(verdict.lost),
      String(verdict.duplicated),
      String(verdict.dishonest),
      String(verdict.crashes),
      String(verdict.hung),
      `${(verdict.longestStallMs / 1000).toFixed(1)} s`,
    ]),
  )
}

function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
