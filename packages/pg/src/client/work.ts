import { analyze, currentUnit, failsFast, unitToTell } from '@reprise/core'
import type { Submittable } from '../connection/wire.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Shared } from '../exchange/shared.ts'
import { frozen } from '../exchange/values.ts'
import { mayBeKept } from '../transaction/transaction-after.ts'
import { SubmittableRun } from './submittable-run.ts'
import type { TimeLimit } from './time-limit.ts'

/**
 * What waits in a session's queue: a statement, somebody who drives the wire himself, or what the
 * session does on its own account: rolling back what a former holder left open, listening again.
 */
export type Work = Exchange | SubmittableRun | 'reset' | 'listen'

/** Tells whoever waits for work that it will not be done. */
export function fail(work: Work, error: Error): void {
  if (typeof work === 'string') return
  if (work instanceof SubmittableRun) work.fail(error)
  else work.deliver(error)
}

/** A text that nobody can read to its end: whatever it may do is in doubt. */
export const unreadable = "'"

/**
 * The statement of a cursor, or of the cursor inside a stream. Where there is none to be found, nothing
 * may be concluded from it.
 */
export function textOf(submittable: Submittable): string {
  const { text, cursor } = submittable as { text?: unknown; cursor?: { text?: unknown } }
  const found = text ?? cursor?.text
  return typeof found === 'string' ? found : unreadable
}

/** The values of a statement, wherever {@link textOf} finds its text. */
export function valuesOf(submittable: Submittable): readonly unknown[] | undefined {
  const { values, cursor } = submittable as { values?: unknown; cursor?: { values?: unknown } }
  const found = values ?? cursor?.values
  return Array.isArray(found) ? found : undefined
}

/**
 * Judges a statement, and fixes its values as they are now. Returns why it cannot be sent, if so.
 *
 * @param named the texts of the prepared statements so far: one may be called by its name alone, and
 *   must be judged, and on a new connection prepared, by its text all the same
 * @param once whether it is sent at once, and never again
 */
export function ready(
  exchange: Exchange,
  { mapper, settings: telling }: Pick<Shared, 'mapper' | 'settings'>,
  named: Map<string, string>,
  once: boolean,
): Error | undefined {
  const { name, text } = exchange
  if (typeof name === 'string') {
    if (typeof text === 'string' && text !== '') named.set(name, text)
    else exchange.text = named.get(name) ?? text
  }
  exchange.statement = analyze(typeof exchange.text === 'string' ? exchange.text : '')
  exchange.failFast = failsFast()
  const { begins } = exchange.statement
  if (begins) {
    const unit = currentUnit()
    if (unit !== undefined) unit.begun = telling
  }
  if (mayBeKept(exchange.statement)) exchange.unit = unitToTell()
  if (!Array.isArray(exchange.values)) return undefined
  try {
    exchange.values = frozen(exchange.values, mapper, once)
    return undefined
  } catch (error) {
    return error as Error
  }
}

const kill = /^\s*select\s+(?:pg_catalog\.)?pg_terminate_backend\s*\(\s*(\d+)\s*\)\s*;?\s*$/i

/**
 * The one process that a statement is about to terminate, written out as libraries do it to abort a
 * query of their own (Kysely's `kill session`): what the application itself ends is not done again.
 */
export function processToKill({ statement, text }: Exchange): number | undefined {
  if (!statement.functions.includes('pg_terminate_backend')) return undefined
  const [, pid] = kill.exec(text ?? '') ?? []
  return pid === undefined ? undefined : Number(pid)
}

/** Ends a limit when a statement has its answer. */
export function heed(limit: TimeLimit, exchange: Exchange): void {
  const { callback } = exchange
  exchange.callback = (error, result) => {
    limit.clear()
    callback?.(error, result)
  }
}
