import { type Deadline, type Gate, isPassing, isPassingSocketError } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { Interrupted } from '../exchange/ask.ts'

/** How long it may take to get a socket where the caller set no connectionTimeoutMillis, in milliseconds. */
const longestTry = 10_000

/** The server will not have us, and waiting would not change that. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Nobody waits any more. Its message is the reason; its cause, the last error of the server. */
export class GaveUp extends Error {
  override readonly name = 'GaveUp'
  readonly attempts: number

  constructor(reason: string, attempts: number, cause: unknown) {
    super(reason, { cause })
    this.attempts = attempts
  }
}

/** A connection, and how many tries it took. */
export interface Reconnected {
  readonly connection: Connection
  readonly attempts: number
}

/** How a connection is looked for. */
export interface Search {
  /** How long one try may take, in milliseconds; 0 where the caller set nothing. */
  readonly tryFor: number
  /** Whether nobody waits for a server that is down. */
  readonly failFast?: boolean
  /** Whether any word of refusal by the server ends it: it need not be waited for. */
  readonly takesNo?: boolean
  /**
   * Whatever has to be asked and done before the connection may be used. A login that was accepted does
   * not prove that the server is up, since a pooler accepts logins without it; an answer does.
   */
  settle(connection: Connection): Promise<void>
}

/**
 * Connects, and keeps trying while the server is starting, stopping, full or unreachable, until the
 * deadline.
 *
 * @param make makes an unconnected connection
 * @throws Refused for anything that waiting does not mend: its cause is the server's own error
 * @throws GaveUp at the deadline, or as soon as the server is known to be down where nobody waits
 */
export async function reconnect(
  make: () => Connection,
  gate: Gate,
  deadline: Deadline,
  { tryFor, settle, takesNo = false, failFast = false }: Search,
): Promise<Reconnected> {
  let last: unknown
  for (let attempts = 1; ; attempts++) {
    const gaveUp = (why: string): GaveUp => new GaveUp(why, attempts, last ?? gate.lastFailure)
    let pass = failFast && gate.down ? gate.enterAtOnce() : undefined
    if (failFast && gate.down && pass === undefined) throw gaveUp('down')
    pass ??= await gate.enter(deadline.signal).catch(() => {
      throw gaveUp(String(deadline.signal.reason))
    })
    let connection: Connection
    try {
      connection = make()
    } catch (error) {
      pass.abandoned()
      throw new Refused('the configuration is not usable', { cause: error })
    }
    const attempt = new AbortController()
    const giveUp = (): void => attempt.abort()
    const timer = setTimeout(giveUp, tryFor || longestTry)
    // Once there is a socket, a slow login may take as long as the deadline allows.
    if (!tryFor) connection.client.connection.once('connect', () => clearTimeout(timer))
    let opened = false
    try {
      await connection.open(AbortSignal.any([deadline.signal, attempt.signal]))
      opened = true
      resolved.add(connection.client.host)
      await settle(connection)
      pass.succeeded()
      return { connection, attempts }
    } catch (error) {
      connection.destroy()
      if (deadline.signal.aborted) {
        pass.abandoned()
        throw gaveUp(String(deadline.signal.reason))
      }
      if (opened && !(error instanceof Interrupted)) {
        pass.succeeded()
        throw error
      }
      const refused = takesNo && error === connection.errorFrame
      const passing = attempt.signal.aborted || isPassingFailure(error, connection, gate)
      if (!opened && (refused || !passing)) {
        pass.abandoned()
        throw new Refused('the server refused the connection', { cause: error })
      }
      last = opened ? (connection.errorFrame ?? connection.socketError ?? error) : error
      if (!opened && wasNobody(error, connection)) pass.unanswered(last)
      else pass.failed(last)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Which server was not reached, and why, for those who have waited for it. */
export function unreached(
  reason: string,
  { host, port }: { readonly host: string; readonly port: number },
  cause: unknown,
): string | undefined {
  if (reason !== 'deadline' && reason !== 'down') return undefined
  const { code } = (cause ?? {}) as { code?: unknown }
  return `no connection to ${host}:${port}${typeof code === 'string' ? ` (${code})` : ''}`
}

/** Whether the socket was refused, or ended before a byte came: as by a balancer that has no server. */
function wasNobody(error: unknown, { bytesRead, closed }: Connection): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  if (bytesRead > 0) return false
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || (code === undefined && closed)
}

/** Names that were resolved before in this process: not finding one of these passes by itself. */
const resolved = new Set<string>()

/** Whether a failure to connect may be gone in a moment. */
function isPassingFailure(error: unknown, connection: Connection, { proven }: Gate): boolean {
  const code = (error as { code?: unknown } | null)?.code
  const { errorFrame } = connection
  if (error === errorFrame) {
    // A pooler, which names no file, says this of all that is wrong: a server that is down, where there
    // was one before, or else a database that it does not know.
    const pooler = code === '08P01' && errorFrame?.file === undefined
    return pooler ? proven : isPassing(String(code))
  }
  if (code === 'ENOTFOUND') return resolved.has(connection.client.host)
  if (typeof code === 'string') return isPassingSocketError(code)
  // A backend that is terminated while it authenticates just closes the socket.
  return connection.closed
}
