import { clock } from '@reprise/core'
import type { Submittable, Wire } from '../connection/wire.ts'

/** What is known of pg-cursor's own account of itself. */
interface Reader {
  state?: unknown
  readonly _cb?: unknown
  readonly _portal?: unknown
}

/** The cursor, or the one inside a query stream. */
export function readerOf(submittable: Submittable): Reader {
  const { cursor = submittable } = submittable as { cursor?: unknown }
  return cursor as Reader
}

/** `done` and `error` still wait for their ReadyForQuery; `idle` waits for its caller, unless that reads. */
const waiting: ReadonlySet<unknown> = new Set(['submitted', 'busy', 'done', 'error'])

/** Whether a cursor waits for the server, and not for its caller. */
export function waitsForServer({ state, _cb, _portal }: Reader): boolean {
  return typeof _portal === 'string' && (waiting.has(state) || typeof _cb === 'function')
}

/**
 * A cursor takes itself for done at CommandComplete, and hears of no error any more; but whoever reads
 * waits until ReadyForQuery for the last rows.
 */
export function reopen(submittable: Submittable): void {
  const reader = readerOf(submittable)
  if (reader.state === 'done' && typeof reader._cb === 'function') reader.state = 'busy'
}

/**
 * pg-cursor's close() waits on the wire for a ReadyForQuery, which a dead wire never brings: whoever
 * waits is told now, and whoever asks later is told at once.
 */
export function settleWaiting(wire: Wire): void {
  for (const listener of wire.rawListeners('readyForQuery')) {
    // Only a once() is a wait; the standing listeners are pg's and ours.
    if ('listener' in listener) Reflect.apply(listener, wire, [])
  }
  const once = wire.once
  wire.once = function (this: Wire, event: string | symbol, listener: (...args: never[]) => void) {
    if (event !== 'readyForQuery') return once.call(this, event, listener as () => void) as Wire
    clock.setImmediate(listener as () => void)
    return this
  } as Wire['once']
}
