import { currentUnit, type Unit } from '@reprise/core'

/** By unit, what came of a COMMIT that was sent in it and failed. */
const failures = new WeakMap<Unit, unknown>()

/** A COMMIT failed. Of several in a unit, one that may be there after all is not forgotten for another. */
export function commitFailed(error: unknown): void {
  const unit = currentUnit()
  if (unit !== undefined && !mayBeThere(failures.get(unit))) failures.set(unit, error)
}

/** The failure of a COMMIT in this unit. */
export function failedCommit(unit: Unit): unknown {
  return failures.get(unit)
}

function mayBeThere(error: unknown): boolean {
  const { outcome } = (error ?? {}) as { outcome?: unknown }
  return outcome === 'in-doubt' || outcome === 'committed'
}
