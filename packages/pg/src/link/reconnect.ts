import type { Deadline, Gate, Pass } from '@reprise/core'
import { type Address, placeOf } from '../connection/address.ts'
import type { Connection } from '../connection/connection.ts'
import { type Attempt, attempt, isPassingName, type Outcome } from './attempt.ts'
import type { Stop } from './stops.ts'
import { type Failures, learn, learnFrom, whyNot } from './unreached.ts'

/** How long one server of several may keep the others waiting in the first round, in milliseconds. */
const patience = 3000

/** The next round comes with the next try at a server of several that is tried again within so many milliseconds. */
const soon = 150

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

/** A connection, and how many rounds it took. */
export interface Reconnected {
  readonly connection: Connection
  readonly attempts: number
}

/** How a connection is looked for. */
export interface Search extends Pick<Attempt, 'tryFor'> {
  /** The gate of whatever is looked for: one prober at a time goes round while there is none. */
  readonly gate: Gate
  /** Whether nobody waits for a server that is down. */
  readonly failFast?: boolean
  /** Whether any word of refusal by a server ends it: it need not be waited for. */
  readonly takesNo?: boolean
  /** Waits until another server than that takes writes: see {@link Attempt.elsewhere}. */
  elsewhere?(silent: Address, signal: AbortSignal): Promise<boolean>
  /** The servers to try in a round. */
  stops(): Promise<readonly Stop[]>
  /** Makes an unconnected connection. */
  make(stop: Stop): Connection
  /**
   * As {@link Attempt.settle}.
   * @param answered to be called as soon as there is an answer: others may come then
   */
  settle(connection: Connection, stop: Stop, answered: () => void): Promise<void>
}

/**
 * Connects to the first server of a list that will do, and keeps trying while they are starting,
 * stopping, full, unreachable or of another kind, until the deadline.
 *
 * @throws Refused for anything that waiting does not mend: its cause is the server's own error. As in
 *   libpq, the other servers are not tried then
 * @throws GaveUp at the deadline, or as soon as none is known to be up where nobody waits
 */
export async function reconnect(search: Search, deadline: Deadline): Promise<Reconnected> {
  const { gate, failFast = false } = search
  const failures: Failures = new Map()
  for (let attempts = 1; ; attempts++) {
    const gaveUp = (why: string): GaveUp => {
      if (failures.size > 0) learnFrom(failures, gate.lastFailure)
      return new GaveUp(why, attempts, failures.size > 0 ? whyNot(failures) : gate.lastFailure)
    }
    let pass = failFast && gate.down ? gate.enterAtOnce() : undefined
    if (failFast && gate.down && pass === undefined) throw gaveUp('down')
    pass ??= await gate.enter(deadline.signal).catch(() => {
      throw gaveUp(String(deadline.signal.reason))
    })
    const round = await goRound(search, pass, deadline, attempts, failures).catch((error) => {
      pass.abandoned()
      throw error
    })
    if (round.tried === 'missed') {
      if (round.unheard) pass.abandoned()
      else pass[round.end ?? 'failed'](round.error, round.after)
    } else if (round.tried === 'given up') {
      pass.abandoned()
      throw gaveUp(String(deadline.signal.reason))
    } else if (round.tried === 'refused') {
      pass.abandoned()
      throw new Refused('the server refused the connection', { cause: round.error })
    } else {
      pass.succeeded()
      if (round.tried === 'unsettled') throw round.error
      return { connection: round.connection as Connection, attempts }
    }
  }
}

interface Round extends Outcome {
  readonly connection?: Connection
  /** What the gate of whatever is looked for is told of a round that missed. */
  readonly end?: MissedEnd
  /** In how many milliseconds the next round is to come, where one of several says so. */
  readonly after?: number | undefined
}

type MissedEnd = 'failed' | 'unsuited' | 'unanswered' | 'referred'

/**
 * Tries each server once, until one decides. All are missed where none did: `unheard` where there was no
 * time to hear of any.
 */
async function goRound(
  search: Search,
  outer: Pass,
  deadline: Deadline,
  number: number,
  failures: Failures,
): Promise<Round> {
  const stops = await unlessAborted(search.stops(), deadline.signal)
  if (stops === undefined) return { tried: 'given up' }
  let lasting = 0
  // Each of several has a gate of its own to say when it is tried again: to go round costs nothing.
  let end: MissedEnd = 'unanswered'
  let heard = 0
  for (const [at, stop] of stops.entries()) {
    const { address, unresolved } = stop
    const place = placeOf(address)
    if (unresolved !== undefined) {
      if (!isPassingName(unresolved, address.host)) lasting += 1
      heard += 1
      failures.set(place, { address, error: unresolved })
      end = 'failed'
      continue
    }
    const time = timeFor(search, deadline.remaining / (stops.length - at), number, stops.length > 1)
    const found = await visit(search, outer, stop, time, deadline)
    const over = found.tried !== 'missed' && found.tried !== 'unsuited'
    const givenUp = found.tried === 'given up' && time.shared
    const silent = found.unheard === true || givenUp
    // What it said in an earlier round, or to others, says more than that it has not answered yet.
    if (silent) learn(failures, stop, found.error)
    else if (!over) failures.set(place, { address, error: found.error })
    if (givenUp) for (const other of stops) learn(failures, other)
    if (over) return found
    if (!time.short || found.unheard !== true) heard += 1
    if (stops.length === 1) end = found.end ?? 'failed'
    else if (found.end === 'unsuited' && end !== 'failed') end = 'unsuited'
  }
  // Not one of the names is known, nor ever was.
  const unknown = lasting > 0 && lasting === stops.length
  if (unknown) return { tried: 'refused', error: whyNot(failures) }
  const after = untilSoonest(stops)
  return { tried: 'missed', error: whyNot(failures), end, unheard: heard === 0, after }
}

/**
 * When the first of the servers that are down is tried again: to wait for the next round as well would add up.
 * One whose time has come is being tried by others: to that there is no end in sight.
 */
function untilSoonest(stops: readonly Stop[]): number | undefined {
  if (stops.length === 1) return undefined
  const pauses = stops.flatMap(({ gate }) => (gate?.down && gate.pause > 0 ? [gate.pause] : []))
  const soonest = Math.min(...pauses)
  return soonest <= soon ? soonest : undefined
}

/** The time for one try. */
interface Time {
  /** In milliseconds, or 0 where nobody has set a limit. */
  readonly tryFor: number
  /** Whether there are others to try. */
  readonly shared: boolean
  /** Whether it is less than usual: a server that has not answered by then may be as good as ever. */
  readonly short: boolean
}

function timeFor(search: Search, share: number, round: number, shared: boolean): Time {
  if (!shared) return { tryFor: search.tryFor, shared, short: false }
  const most = search.tryFor || patience * 2 ** (round - 1)
  return {
    tryFor: Math.max(1, Math.min(share, most)),
    shared,
    short: share < (search.tryFor || patience),
  }
}

/** A resolver of names cannot be interrupted. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

async function visit(
  search: Search,
  outer: Pass,
  stop: Stop,
  { tryFor, shared, short }: Time,
  deadline: Deadline,
): Promise<Round> {
  const { gate, make, settle, takesNo = false, failFast = false } = search
  const own = stop.gate
  const waits = !shared && !failFast
  let pass: Pass | undefined
  if (own !== undefined) {
    try {
      const { signal } = deadline
      pass = await (waits ? own.enter(signal) : own.enterUnlessDown(signal))
    } catch {
      return { tried: 'given up' }
    }
    if (pass === undefined) return { tried: 'missed', error: own.lastFailure }
  }
  let connection: Connection
  try {
    connection = make(stop)
  } catch (error) {
    pass?.abandoned()
    return { tried: 'refused', error }
  }
  const found = await attempt(connection, deadline, {
    tryFor,
    takesNo,
    proven: (own ?? gate).proven,
    elsewhere: shared
      ? async (signal) => !!(await search.elsewhere?.(stop.address, signal))
      : undefined,
    // Of several it is not known yet whether this one will do.
    settle: (opened) => settle(opened, stop, () => (own === undefined ? outer : pass)?.answered()),
  })
  if (short && found.unheard === true) pass?.abandoned()
  else if (found.tried === 'missed') {
    if (found.nobody) pass?.unanswered(found.error)
    else pass?.failed(found.error)
  } else if (found.tried === 'refused' || found.tried === 'given up') pass?.abandoned()
  else pass?.succeeded()
  return { ...found, connection, end: endOf(found, own !== undefined && waits) }
}

/** To wait at two gates for one server would add up. */
function endOf({ tried, nobody }: Outcome, waited: boolean): MissedEnd {
  if (tried === 'unsuited') return 'unsuited'
  if (waited) return 'referred'
  return nobody ? 'unanswered' : 'failed'
}
