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
  /** The unit it runs in, if any: what is committed here is committed there, too. */
  readonly outer: Unit | undefined
  /** Whether it is one call of an ORM's, of which somebody wants to know whether a part was {@link kept}. */
  readonly call: boolean
  /**
   * Whether code of the application's runs in it, or around it. What an ORM alone asks is what its models
   * are: it is not asked along with each read whether that wrote.
   */
  readonly code: boolean
  /** How many parts of it were committed, or may have been, also before its callback was declared. */
  kept: number
  /** Whether it has ended: what it left behind may run on for ever. */
  over: boolean
}

const marked = new WeakSet<object>()
const current = new AsyncLocalStorage<Unit | undefined>()
/** Whether there ever was one: who has none pays nothing for looking. */
let used = false

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

/** The unit this code runs in that can be run again, if any: only the outermost one owns re-runs. */
export function currentUnit(): Unit | undefined {
  let unit = current.getStore()
  while (unit !== undefined && !unit.declared) unit = unit.outer
  return unit
}

/** The unit, of either kind, that is to be told what was kept of the work that is asked for here. */
export function unitToTell(): Unit | undefined {
  return used ? told(current.getStore()) : undefined
}

function told(unit: Unit | undefined): Unit | undefined {
  let at = unit
  while (at !== undefined && !at.declared && !at.call) at = at.outer
  return at
}

/** Something of a unit was committed, or may have been, and so of all that it runs in. */
export function keptIn(unit: Unit | undefined): void {
  for (let at = unit; at !== undefined; at = at.outer) {
    at.kept += 1
    if (at.declared) at.committed = true
  }
}

/** A unit of which nothing has been done yet, within the one that this code runs in. */
export function newUnit(attempt: number, declared: boolean, call = false, code = true): Unit {
  let outer = unitToTell()
  // Or what starts anew in what it left behind, again and again, would keep all that came before.
  while (outer?.over) outer = told(outer.outer)
  return {
    attempt,
    committed: false,
    declared,
    expecting: false,
    begun: undefined,
    outer,
    call,
    code: code || outer?.code === true,
    kept: 0,
    over: false,
  }
}

/** Runs one attempt of a unit, to its end. */
export async function inUnit<T>(unit: Unit, body: () => PromiseLike<T>): Promise<T> {
  used = true
  try {
    // Awaited inside, so that even a lazy promise does its work in the unit.
    return await current.run(unit, async () => await body())
  } finally {
    unit.over = true
  }
}

/**
 * Runs what a door asks on its own account, such as to check out a connection and set it up, or to end a
 * backend: no part of the unit that happens to need it.
 */
export function outsideUnit<T>(body: () => T): T {
  return used ? current.run(undefined, body) : body()
}
