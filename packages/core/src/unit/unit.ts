import { AsyncLocalStorage } from 'node:async_hooks'
import type { Settings } from '../options.ts'

/** Whom a session tells what happens to it, and what it is called there. */
export type Telling = Pick<Settings, 'log' | 'poolName'>

/** A callback under way that can be run again as a whole. */
export interface Unit {
  /** Which run of it this is, from 1. */
  readonly attempt: number
  /** Whether a transaction of this run was committed: nothing of it may be run again then. */
  committed: boolean
  /** Whether its callback was declared {@link rerunnable}. */
  declared: boolean
  /** Set by a door whose ORM hides the callback from it: the next declared one to be called is it. */
  expecting: boolean
  /**
   * What the session tells that was asked to begin a transaction in this run, so that it would see it
   * committed.
   */
  begun: Telling | undefined
}

const marked = new WeakSet<object>()
const current = new AsyncLocalStorage<Unit>()

/**
 * Declares that a transaction callback may be run again from its start: that all it does outside
 * its transaction (mails, files, counters in memory) may happen more than once. Returns a function
 * that does the same, so it is written around the callback where it is passed:
 *
 *     await db.transaction().execute(rerunnable(async (trx) => { … }))
 */
export function rerunnable<F extends (...args: never[]) => unknown>(callback: F): F {
  if (typeof callback !== 'function') {
    throw new TypeError('rerunnable() takes the transaction callback itself: pass a function.')
  }
  if (marked.has(callback)) return callback
  const declared = function (this: unknown, ...parameters: never[]): unknown {
    const unit = current.getStore()
    if (unit?.expecting) {
      unit.expecting = false
      unit.declared = true
    }
    return Reflect.apply(callback, this, parameters)
  }
  marked.add(declared)
  return declared as F
}

/** Whether {@link rerunnable} was said of this callback. */
export function isRerunnable(callback: unknown): boolean {
  return typeof callback === 'function' && marked.has(callback)
}

/** The unit this code runs in, if any: only the outermost one owns re-runs. */
export function currentUnit(): Unit | undefined {
  const unit = current.getStore()
  return unit?.declared ? unit : undefined
}

/** Runs one attempt of a unit. */
export function inUnit<T>(unit: Unit, body: () => T): T {
  return current.run(unit, body)
}
