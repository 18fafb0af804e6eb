import type { PgClient } from './wire.ts'

/**
 * Connects a client and authenticates, without pg's own limit of time: the signal is the limit.
 * @throws the server's or the socket's error, or the reason of the signal
 */
export function handshake(client: PgClient, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (typeof client._connectionTimeoutMillis === 'number') client._connectionTimeoutMillis = 0
    client.connect((error) => {
      signal.removeEventListener('abort', abort)
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })
}
