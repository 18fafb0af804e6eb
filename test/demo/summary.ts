import type { Finding } from '../lanes/experiment.ts'
import { laneKind } from '../lanes/kind.ts'
import { table } from '../lanes/table.ts'
import { titles } from '../subjects/index.ts'
import { resultOf } from './result.ts'
import type { Demo } from './run.ts'

const head = [
  'client',
  'Reprise',
  'acknowledged',
  'errors',
  'lost',
  'duplicated',
  'crashes',
  'hung',
  'longest stall',
]

/** The table that the demo ends with. */
export function summary({ findings, end }: Demo): string {
  return table(
    head,
    findings.map((finding) => row(finding, end)),
  )
}

function row(finding: Finding, end: number): string[] {
  const result = resultOf(finding, end)
  return [
    titles[result.subject],
    laneKind(finding.lane.order),
    String(result.acknowledged),
    errorsOf(finding),
    String(result.lost),
    String(result.duplicated),
    String(result.crashes),
    String(result.hung),
    `${(result.longestStallMs / 1000).toFixed(1)} s`,
  ]
}

/** With Reprise, errors say what became of the work. */
function errorsOf({ lane: { order, history } }: Finding): string {
  const count = String(history.failed.length)
  if (order.reprise === false || history.failed.length === 0) return count
  const kinds = [...history.kinds()].map(([kind, times]) => `${times} ${kind}`)
  return `${count} (${kinds.join(', ')})`
}
