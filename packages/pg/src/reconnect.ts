import { type Deadline, type Gate, isPassing, isPassingSocketError } from '@reprise/core'
import type { Connection } from './connection.ts'

/** How long one try may take where the caller set no connectionTimeoutMillis, in milliseconds. */
const longestTry = 10_000

/** The server will not have us, and waiting would not change that. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Nobody waits any more. Its message is the reason; its cause, the last error of the server. */
export class GaveUp extends Error {
  override readonly name = 'GaveUp'
  readonly attempts: number

  constructor(signal: AbortSignal, attempts: number, cause: unknown) {
    super(String(signal.reason), { cause })
    this.attempts = attempts
  }
}

/** A connection, and how many tries it took. */
export interface Reconnected {
  readonly connection: Connection
  readonly attempts: number
}

/**
 * Connects, and keeps trying while the server is starting, stopping, full or unreachable, until the
 * deadline.
 *
 * @param make makes an unconnected connection
 * @throws Refused for anything that waiting does not mend: its cause is the server's own error
 * @throws GaveUp at the deadline
 */
export async function reconnect(
  make: () => Connection,
  gate: Gate,
  deadline: Deadline,
  tryFor: number,
): Promise<Reconnected> {
  let last: unknown
  for (let attempts = 1; ; attempts++) {
    const pass = await gate.enter(deadline.signal).catch(() => {
      throw new GaveUp(deadline.signal, attempts, last ?? gate.lastFailure)
    })
    let connection: Connection
    try {
      connection = make()
    } catch (error) {
      pass.abandoned()
      throw new Refused('the configuration is not usable', { cause: error })
    }
    const oneTry = AbortSignal.any([deadline.signal, AbortSignal.timeout(tryFor || longestTry)])
    try {
      await connection.open(oneTry)
      pass.succeeded()
      return { connection, attempts }
    } catch (error) {
      if (deadline.signal.aborted) {
        pass.abandoned()
        throw new GaveUp(deadline.signal, attempts, last ?? gate.lastFailure)
      }
      if (!oneTry.aborted && !isPassingFailure(error, connection)) {
        pass.abandoned()
        throw new Refused('the server refused the connection', { cause: error })
      }
      pass.failed(error)
      last = error
    }
  }
}

/** Whether a failure to connect may be gone in a moment. */
function isPassingFailure(error: unknown, connection: Connection): boolean {
  const code = (error as { code?: unknown } | null)?.code
  if (error === connection.errorFrame) return isPassing(String(code))
  if (typeof code === 'string') return isPassingSocketError(code)
  // A backend that is terminated while it authenticates just closes the socket.
  return connection.closed
}
