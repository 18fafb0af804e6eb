import { AsyncLocalStorage } from 'node:async_hooks'

const current = new AsyncLocalStorage<boolean>()
let used = false

/**
 * Runs a callback whose statements do not wait for a server that is down: as soon as it is known to be,
 * by their own try or by that of any other session, they fail with `reason` `down`. What is lost while
 * the server is up is mended as always. For health checks:
 *
 *     const healthy = await failFast(() => orm.isConnected())
 *
 * @param callback whatever asks the database; what it starts and does not wait for is meant, too
 * @returns what the callback returns
 */
export function failFast<T>(callback: () => T): T {
  if (typeof callback !== 'function') {
    throw new TypeError('failFast() takes what is to fail fast: failFast(() => pool.query(…)).')
  }
  used = true
  return current.run(true, callback)
}

/** Whether this code runs inside {@link failFast}. */
export function failsFast(): boolean {
  return used && current.getStore() === true
}
