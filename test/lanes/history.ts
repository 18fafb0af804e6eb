import type { Failure } from './messages.ts'

/** Something that happened to a lane, and when: milliseconds since the experiment began. */
export interface Moment {
  readonly at: number
}

/** A time from a moment to another. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Work that failed, as the application was told. */
export interface Failed extends Moment {
  readonly failure: Failure
}

/** The end of a lane's process that nobody asked for. */
export interface Crash extends Moment {
  /** The last thing it said. */
  readonly reason: string
}

/** All that happened in one lane. */
export class History {
  /** When each piece of work was acknowledged, in order. */
  readonly acknowledged: number[] = []
  readonly failed: Failed[] = []
  readonly crashes: Crash[] = []
  /** When one of its connections was killed or cut. */
  readonly faults: number[] = []

  /** The longest time without an acknowledgement between the beginning and `end`. */
  longestStall(end: number): Span {
    let longest: Span = { from: 0, to: 0 }
    let from = 0
    for (const to of [...this.acknowledged.filter((at) => at < end), end]) {
      if (to - from > longest.to - longest.from) longest = { from, to }
      from = to
    }
    return longest
  }

  /** How much was acknowledged in each slice of `width` milliseconds up to `end`. */
  slices(end: number, width: number): number[] {
    const counts = new Array<number>(Math.ceil(end / width)).fill(0)
    for (const at of this.acknowledged) {
      const slice = Math.floor(at / width)
      if (slice < counts.length) counts[slice] = (counts[slice] ?? 0) + 1
    }
    return counts
  }

  /** How many failures there are of each kind. */
  kinds(): Map<string, number> {
    const kinds = Map.groupBy(this.failed, ({ failure }) => kindOf(failure))
    return new Map([...kinds].map(([kind, failed]) => [kind, failed.length]))
  }
}

/** Prisma's own limits, of which Reprise hears nothing: its pool's, that of a transaction, and how long one is waited for. */
const limits: ReadonlySet<string | undefined> = new Set(['P2024', 'P2028'])

/**
 * What an error says became of the work: an outcome of Reprise; `diverged` for work that was rolled back because it was
 * executed again and answered differently; Prisma's code for its own limits; `untold` where the error says nothing.
 */
export function kindOf({ outcome, reason, code }: Failure): string {
  if (reason === 'diverged') return reason
  if (outcome !== undefined) return outcome
  return code !== undefined && limits.has(code) ? code : 'untold'
}
