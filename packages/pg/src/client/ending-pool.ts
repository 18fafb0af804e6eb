import { clock, surfaced } from '@reprise/core'
import { limitWaiting, type Waited } from './queued-caller.ts'

/** What is known of pg-pool's own account of itself: who waits for a client, since pg-pool 2. */
interface Pool extends Waited {
  end(...given: unknown[]): unknown
}

const seen = new WeakSet<object>()

/**
 * From now on whoever waits for a client is told what pg-pool does not tell him: see {@link limitWaiting}.
 * And who waits when a pool is ended is told so: pg-pool forgets him, and he would wait for ever.
 */
export function answerWaiting(pool: Pool): void {
  if (seen.has(pool)) return
  seen.add(pool)
  limitWaiting(pool)
  const { end } = pool
  Object.defineProperty(pool, 'end', {
    configurable: true,
    writable: true,
    value(this: Pool, ...given: unknown[]) {
      const ended = Reflect.apply(end, this, given)
      const waiting = this._pendingQueue?.splice(0) ?? []
      clock.nextTick(() => {
        for (const each of waiting) if (!each.timedOut) each.callback(ending(), undefined, release)
      })
      return ended
    },
  })
}

/**
 * A `log` for the options of a pool: pg-pool calls it as a method of itself, which is the one way to meet a
 * pool that is made of options.
 */
export function meetPool(this: unknown): void {
  const { _pendingQueue, end } = (this ?? {}) as Partial<Pool>
  if (Array.isArray(_pendingQueue) && typeof end === 'function') answerWaiting(this as Pool)
}

function release(): void {
  // There is nothing to give back.
}

function ending(): Error {
  return surfaced({
    outcome: 'not-sent',
    condition: 'connection_does_not_exist',
    reason: 'closed',
    attempts: 0,
    cause: new Error('Cannot use a pool after calling end on the pool'),
  })
}
