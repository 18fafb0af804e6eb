import { clock, type Deadline, isPassing, isPassingSocketError, isShortage } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { Interrupted } from '../exchange/ask.ts'
import { Unsuited } from './target.ts'

/** How long it may take to get a socket where the caller set no connectionTimeoutMillis, in milliseconds. */
const longestTry = 10_000

/** How long a server may say nothing before it is looked whether another has taken its place, in milliseconds. */
export const quiet = 1000

/** How one try to reach a server goes. */
export interface Attempt {
  /** How long it may take, in milliseconds; 0 where nobody has set a limit. */
  readonly tryFor: number
  /** Whether any word of refusal by the server ends the search: it need not be waited for. */
  readonly takesNo: boolean
  /** Whether the server has ever taken a connection. */
  readonly proven: boolean
  /** Waits until another is found that will do, where there are others: then a silent one is given up. */
  readonly elsewhere?: ((signal: AbortSignal) => Promise<boolean>) | undefined
  /**
   * Whatever has to be asked and done before the connection may be used. A login that was accepted does
   * not prove that the server is up, since a pooler accepts logins without it; an answer does.
   */
  settle(connection: Connection): Promise<void>
}

/**
 * What came of it.
 *
 * - `connected`
 * - `unsuited`: the server is up, and not of the kind that is wanted.
 * - `missed`: it is starting, stopping, full or unreachable.
 * - `refused`: it will not have us, and waiting would not change that.
 * - `unsettled`: it is up, and what had to be done there has failed.
 * - `given up`: nobody waits any more.
 */
export type Tried = 'connected' | 'unsuited' | 'missed' | 'refused' | 'unsettled' | 'given up'

/** What came of a try, and the error that says so. */
export interface Outcome {
  readonly tried: Tried
  readonly error?: unknown
  /** Whether it cost no server anything: see {@link wasNobody}. */
  readonly nobody?: boolean
  /** Whether it was missed because the limit of the try came before any answer. */
  readonly unheard?: boolean
}

/** Tries once to open a connection, and to settle what has to be settled on it. */
export async function attempt(
  connection: Connection,
  deadline: Deadline,
  { tryFor, takesNo, proven, elsewhere, settle }: Attempt,
): Promise<Outcome> {
  const limit = new AbortController()
  const giveUp = (): void => limit.abort(new Error('timeout expired'))
  const timer = clock.setTimeout(giveUp, tryFor || longestTry)
  const over = new AbortController()
  const lookAround = clock.setTimeout(async () => {
    const silent = (): boolean => connection.bytesRead === 0
    const found = silent() && (await elsewhere?.(over.signal).catch(() => false))
    if (found && silent()) giveUp()
  }, quiet)
  // Once there is a socket, a slow login may take as long as the deadline allows.
  if (!tryFor) connection.client.connection.once('connect', () => clock.clearTimeout(timer))
  let opened = false
  try {
    await connection.open(AbortSignal.any([deadline.signal, limit.signal]))
    opened = true
    resolved.add(connection.client.host)
    await settle(connection)
    return { tried: 'connected' }
  } catch (error) {
    connection.destroy()
    if (deadline.signal.aborted) return { tried: 'given up', error }
    if (error instanceof Unsuited) return { tried: 'unsuited', error }
    if (opened) {
      if (!(error instanceof Interrupted)) return { tried: 'unsettled', error }
      const why = connection.errorFrame ?? connection.socketError ?? error
      return { tried: 'missed', error: why, nobody: wasNobody(why, connection) }
    }
    const refused = takesNo && error === connection.errorFrame
    const passing = limit.signal.aborted || isPassingFailure(error, connection, proven)
    if (refused || !passing) return { tried: 'refused', error }
    const nobody = wasNobody(error, connection)
    return { tried: 'missed', error, nobody, unheard: limit.signal.aborted }
  } finally {
    over.abort()
    clock.clearTimeout(lookAround)
    clock.clearTimeout(timer)
  }
}

/**
 * Whether the socket was refused, or ended before a byte came, as by a balancer that has no server; or a
 * pooler said what it knows itself, in the place of a server.
 */
function wasNobody(error: unknown, { bytesRead, closed, errorFrame }: Connection): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  if (errorFrame !== undefined && error === errorFrame) return errorFrame.routine === undefined
  if (bytesRead > 0) return false
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || (code === undefined && closed)
}

/** Names that were resolved before in this process: not finding one of these passes by itself. */
const resolved = new Set<string>()

/** Whether a host that was not found may be found in a moment. */
export function isPassingName(error: unknown, host: string): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'ENOTFOUND' ? resolved.has(host) : isPassingSocketError(String(code))
}

/**
 * What poolers say of all that is wrong: PgBouncer the first, pgpool-II and Supavisor the second. They name
 * no routine, as PostgreSQL does (elog.c); pgpool-II names a file.
 */
const ofPoolers: ReadonlySet<string> = new Set(['08P01', 'XX000'])

/** Whether a failure to connect may be gone in a moment. */
function isPassingFailure(error: unknown, connection: Connection, proven: boolean): boolean {
  const code = (error as { code?: unknown } | null)?.code
  const { errorFrame } = connection
  if (error === errorFrame) {
    // A server that is down, where there was one before, or else a database that it does not know.
    const pooler = ofPoolers.has(String(code)) && errorFrame?.routine === undefined
    return pooler || isShortage(String(code))
      ? proven || isPassing(String(code))
      : isPassing(String(code))
  }
  if (typeof code === 'string') return isPassingName(error, connection.client.host)
  // A backend that is terminated while it authenticates just closes the socket.
  return connection.closed
}
