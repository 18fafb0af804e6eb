/** What is touched of a pg.Pool. */
interface Ending {
  end(callback?: unknown): unknown
  /** pg-pool's own list of who waits for a client. */
  readonly _pendingQueue?: { callback(error: Error, client: undefined, done: () => void): void }[]
}

const answering = new WeakSet<object>()

/**
 * Has a pool that is ended answer whoever still waits for a client: pg-pool forgets them, and behind a
 * server that is down there are many.
 */
export function answerAtEnd(pool: object): void {
  if (answering.has(pool)) return
  answering.add(pool)
  const ending = pool as Ending
  const { end } = ending
  ending.end = function (this: Ending, ...parameters: []) {
    const ended = end.apply(this, parameters)
    for (const { callback } of this._pendingQueue?.splice(0) ?? []) {
      const error = new Error('Cannot use a pool after calling end on the pool')
      process.nextTick(callback, error, undefined, () => undefined)
    }
    return ended
  }
}
