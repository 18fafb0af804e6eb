import type { LaneOrder } from './messages.ts'

/** What a lane is about: the client as it comes, with a naive retry around it, or with Reprise. */
export type LaneKind = 'without' | 'retry' | 'with'

/** Every {@link LaneKind}, in the order in which they are shown. */
export const laneKinds: readonly LaneKind[] = ['without', 'retry', 'with']

/** What people read of a kind. */
export const kindTitles: Readonly<Record<LaneKind, string>> = {
  without: 'without Reprise',
  retry: 'with a naive retry',
  with: 'with Reprise',
}

/** The kind of a lane. */
export function laneKind({
  reprise,
  naiveRetry,
}: Pick<LaneOrder, 'reprise' | 'naiveRetry'>): LaneKind {
  if (reprise !== false) return 'with'
  return naiveRetry ? 'retry' : 'without'
}
