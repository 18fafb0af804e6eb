import { nodesOf } from '../loss/chain.ts'
import { isOutcome, type Outcome } from '../loss/outcome.ts'
import { type Condition, conditionOf } from '../loss/sqlstate.ts'
import type { Settings } from '../options.ts'
import { fullJitter } from '../pace/backoff.ts'
import type { Budget } from '../pace/budget.ts'
import { clock } from '../pace/clock.ts'
import { publish } from '../publish.ts'
import { inParts, ofTheWhole } from './parts.ts'
import { currentUnit, inUnit, isRerunnable, newUnit, rerunnable, type Unit } from './unit.ts'

/** More runs than this do not end a conflict that the first ones did not. */
const mostRuns = 10

/**
 * Reasons for which a loss is not to be mended by anybody: another's will, or that the session has
 * waited, or tried, for as long as it may. Another run would wait anew.
 */
const final = new Set([
  'aborted',
  'budget',
  'closed',
  'deadline',
  'down',
  'dropped',
  'limit',
  'operator',
  'refused',
  'repeated',
  'timeout',
])

/** Stands for work that holds no code of the application's: it may always be run again. */
export const withoutCode: () => void = rerunnable(() => undefined)

/**
 * Runs a transaction callback as a whole, and again from its start when nothing of it was kept: it
 * diverged or could not be replayed, or PostgreSQL refused it with 40001 or 40P01. Only for a
 * callback declared `rerunnable()`, only in the outermost unit, never once a transaction of the run
 * was committed, and within the deadline and the budget.
 *
 * @param callback what the application passed: it says whether it may be run again. Undefined where the
 *   ORM hides it: then the door sets `unit.expecting`, and the callback speaks up when it is called
 * @param run one run of it, through the ORM's own API
 * @throws what the last run threw, judged as of a call {@link inParts}: what its callback has committed
 *   elsewhere is kept, whatever becomes of the transaction
 */
export async function rerun<T>(
  callback: unknown,
  run: (unit: Unit) => Promise<T>,
  settings: Settings,
  budget: Budget,
): Promise<T> {
  const outer = currentUnit()
  const declared = isRerunnable(callback)
  const whole = callback === withoutCode
  if (outer !== undefined || (callback !== undefined && !declared)) {
    return inParts(() => run(outer ?? newUnit(1, false)), whole)
  }
  const from = clock.now()
  for (let attempt = 1; ; attempt++) {
    const unit = newUnit(attempt, declared, callback === undefined, !whole)
    try {
      const result = await inUnit(unit, () => run(unit))
      if (unit.declared) budget.deposit()
      return result
    } catch (error) {
      const kept = unit.committed || !unit.declared ? undefined : nothingKept(error)
      const late = clock.now() - from > settings.deadline
      if (kept === undefined || attempt >= mostRuns || late || !budget.withdraw()) {
        throw ofTheWhole(error, unit, whole)
      }
      const { log, poolName } = unit.begun ?? settings
      publish('reprise:rerun', { attempt: attempt + 1, ...kept, poolName }, log)
      await clock.pause(fullJitter(attempt, settings.backoff))
    }
  }
}

/** What an error says when it proves that nothing of its transaction was kept, and a re-run helps. */
function nothingKept(
  error: unknown,
): { condition: Condition; outcome: Outcome; lost: boolean } | undefined {
  for (const node of nodesOf(error)) {
    if (isOutcome(node.outcome)) {
      const { outcome, reason } = node
      // A door's error has its ORM's code, and the SQLSTATE beside it.
      const code = typeof node.sqlstate === 'string' ? node.sqlstate : node.code
      // A transaction that had failed (25P02) tells in its cause why.
      if (code === '25P02') continue
      const again = outcome === 'rolled-back' || outcome === 'not-sent'
      if (!again || code === '40000' || final.has(String(reason))) return undefined
      return { condition: conditionOf(String(code)) ?? 'connection_failure', outcome, lost: true }
    }
    for (const code of [node.code, node.originalCode]) {
      if (code === '40001' || code === '40P01') {
        return { condition: conditionOf(code) as Condition, outcome: 'rolled-back', lost: false }
      }
    }
  }
  return undefined
}
