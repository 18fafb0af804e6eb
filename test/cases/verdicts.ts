import { expect } from 'vitest'
import type { Verdict } from './boundary.ts'

/** What an outcome allows to be in the table. */
const allowed: Readonly<Record<string, readonly number[]>> = {
  'not-sent': [0],
  'rolled-back': [0],
  committed: [1],
  'in-doubt': [0, 1],
}

/** Done once, or not at all, or in doubt: as the caller was told. */
export function expectHonest(verdicts: readonly Verdict[]): void {
  expect(verdicts.length).toBeGreaterThan(5)
  for (const { effects, error, outcome } of verdicts) {
    if (error === undefined) expect(effects).toBe(1)
    else expect(allowed[outcome ?? 'none'] ?? [], String(error)).toContain(effects)
  }
}

/** Done once, and the caller never knew. */
export function expectOnce(verdicts: readonly Verdict[]): void {
  expect(verdicts.length).toBeGreaterThan(5)
  for (const { effects, error } of verdicts) {
    expect(error).toBeUndefined()
    expect(effects).toBe(1)
  }
}
