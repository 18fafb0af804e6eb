import type { BenchOptions } from './options.ts'
import type { Estimate } from './statistics.ts'
import type { Kind } from './workloads.ts'

/**
 * The least ratio that is good enough. On two saturated cores without fsync an autocommit write cannot
 * do better than 0.86: its witness has to reach us before the commit starts, so that the client reads
 * twice.
 */
const saturated: Readonly<Record<Kind, number>> = {
  read: 0.98,
  'read only': 0.98,
  transaction: 0.97,
  write: 0.86,
}

/** The goal of a row. */
export function goalOf(kind: Kind, { durable, latency }: BenchOptions): number {
  return durable || latency > 0 ? 0.98 : saturated[kind]
}

/** What a measurement says of a goal; where the goal lies within its interval, nothing. */
export function verdict({ value, within }: Estimate, goal: number): string {
  if (value - within >= goal) return 'met'
  if (value + within < goal) return 'missed'
  return 'too close to call'
}
