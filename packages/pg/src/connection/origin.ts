import { clock } from '@reprise/core'
import type { Connection } from './connection.ts'

/**
 * A server process of which nobody has asked who it is, by what it says itself when it takes a connection,
 * and by what its server sees of us: its number, and the address and port from which the connection comes.
 * Where something in between has an address of its own, no process looks like that.
 */
export interface Origin {
  readonly pid: number
  readonly address: string
  readonly port: number
  /** Moments before and after its start, by the clock of `performance.now()`. */
  readonly before: number
  readonly after: number
}

const origins = new WeakMap<Connection, Origin>()

/** Keeps where a connection comes from, which nobody knows any more once its socket is gone. */
export function noteOrigin(connection: Connection): void {
  const before = clock.now()
  const { client } = connection
  client.connection.once('readyForQuery', () => {
    const { localAddress: address, localPort: port } = client.connection.stream as {
      localAddress?: string
      localPort?: number
    }
    const pid = client.processID
    if (pid === null || address === undefined || port === undefined) return
    origins.set(connection, { pid, address, port, before, after: clock.now() })
  })
}

/** @returns undefined where it was never taken, or comes by no network */
export function originOf(connection: Connection): Origin | undefined {
  return origins.get(connection)
}
