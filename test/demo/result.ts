import type { Finding } from '../lanes/experiment.ts'
import type { SubjectName } from '../subjects/index.ts'

/** What became of one lane: the keys of `--json`, exactly. */
export interface Result {
  readonly subject: SubjectName
  readonly reprise: boolean
  /** Whether a naive retry was around it; said of no other lane. */
  readonly retry?: true
  /** Transfers that the application was told are made. */
  readonly acknowledged: number
  /** Errors that the application got. */
  readonly errors: number
  /** Acknowledged, and not in the table. */
  readonly lost: number
  /** In the table more than once. */
  readonly duplicated: number
  /** How often the process died. */
  readonly crashes: number
  /** Calls that never came back. */
  readonly hung: number
  /** The longest time without an acknowledgement. */
  readonly longestStallMs: number
}

/** Sums up a lane that ran until `end`. */
export function resultOf({ lane, audit, hung }: Finding, end: number): Result {
  const { order, history } = lane
  const stall = history.longestStall(end)
  return {
    subject: order.subject,
    reprise: order.reprise !== false,
    ...(order.naiveRetry ? { retry: true } : {}),
    acknowledged: history.acknowledged.length,
    errors: history.failed.length,
    lost: audit.lost,
    duplicated: audit.duplicated,
    crashes: history.crashes.length,
    hung,
    longestStallMs: Math.round(stall.to - stall.from),
  }
}
