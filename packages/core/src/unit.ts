import { AsyncLocalStorage } from 'node:async_hooks'

/** A callback under way that can be run again as a whole. */
export interface Unit {
  /** Which run of it this is, from 1. */
  readonly attempt: number
  /** Whether a transaction of this run was committed: nothing of it may be run again then. */
  committed: boolean
}

const marked = new WeakSet<object>()
const current = new AsyncLocalStorage<Unit>()

/**
 * Declares that a transaction callback may be run again from its start: that all it does outside
 * its transaction (mails, files, counters in memory) may happen more than once. Returns the same
 * function, so it is written around the callback where it is passed:
 *
 *     await db.transaction().execute(rerunnable(async (trx) => { … }))
 */
export function rerunnable<F extends (...args: never[]) => unknown>(callback: F): F {
  if (typeof callback !== 'function') {
    throw new TypeError('rerunnable() takes the transaction callback itself: pass a function.')
  }
  marked.add(callback)
  return callback
}

/** Whether {@link rerunnable} was said of this callback. */
export function isRerunnable(callback: unknown): boolean {
  return typeof callback === 'function' && marked.has(callback)
}

/** The unit this code runs in, if any: only the outermost one owns re-runs. */
export function currentUnit(): Unit | undefined {
  return current.getStore()
}

/** Runs one attempt of a unit. */
export function inUnit<T>(unit: Unit, body: () => T): T {
  return current.run(unit, body)
}
