/**
 * Makes a function that was not called say so. Spread into the options of a pool, a function adds
 * nothing, and nobody would see that nothing is protected.
 *
 * @param target what is spread by mistake
 * @param sentence what to write instead
 * @returns the same function
 */
export function notToBeSpread<F extends object>(target: F, sentence: string): F {
  return Object.defineProperty(target, 'Client', {
    enumerable: true,
    get() {
      throw new TypeError(sentence)
    },
  })
}

/** Whether a value is a pool or a client, of whichever copy of node-postgres. */
export function isPoolOrClient(value: unknown): boolean {
  const { connect, query } = (value ?? {}) as { connect?: unknown; query?: unknown }
  return typeof connect === 'function' && typeof query === 'function'
}
