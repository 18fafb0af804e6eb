import { kindOf, type Span } from '../../lanes/history.ts'
import { type LaneKind, laneKind } from '../../lanes/kind.ts'
import { titles } from '../../subjects/index.ts'
import { type Result, resultOf } from '../result.ts'
import type { Demo } from '../run.ts'

/** The width of a bar, in milliseconds. */
export const sliceMs = 100

/** One mark on a timeline: when, and what to say of it. */
export interface Mark {
  readonly at: number
  readonly text: string
}

/** What the report shows of one lane. */
export interface LaneData {
  readonly title: string
  readonly kind: LaneKind
  readonly result: Result
  /** Acknowledged transfers, slice by slice. */
  readonly slices: readonly number[]
  /** When a connection of this lane was killed or cut. */
  readonly kills: readonly number[]
  readonly errors: readonly Mark[]
  readonly crashes: readonly Mark[]
  /** The longest time without an acknowledgement. */
  readonly stall: Span
  /** Errors by what they said became of the work. */
  readonly kinds: readonly (readonly [kind: string, times: number])[]
}

/** What the report shows. */
export interface ReportData {
  /** When it was made, in ISO 8601. */
  readonly made: string
  /** How long the lanes ran, in milliseconds. */
  readonly end: number
  readonly outages: readonly Span[]
  /** Each client three times: as it comes, with a naive retry, with Reprise. */
  readonly lanes: readonly LaneData[]
}

/** What the demo found, as the report shows it. */
export function reportData({ findings, outages, end }: Demo): ReportData {
  const lanes = findings.map((finding): LaneData => {
    const { order, history } = finding.lane
    return {
      title: titles[order.subject],
      kind: laneKind(order),
      result: resultOf(finding, end),
      slices: history.slices(end, sliceMs),
      kills: history.faults,
      errors: history.failed.map(({ at, failure }) => ({
        at,
        text: failure.outcome ? `${kindOf(failure)}: ${failure.message}` : failure.message,
      })),
      crashes: history.crashes.map(({ at, reason }) => ({ at, text: reason })),
      stall: history.longestStall(end),
      kinds: [...history.kinds()],
    }
  })
  return { made: new Date().toISOString(), end, outages, lanes }
}
