import { clock, type Loss, publish, type Settings } from '@reprise/core'
import type { Connection } from './connection.ts'

/** So many idle connections must be ended from outside before it is a habit of somebody's. */
const habit = 5

/** Within so many milliseconds. */
const memory = 10 * 60_000

/** A connection that was used so recently, in milliseconds, was not ended for being idle. */
const idleAtLeast = 500

const advice =
  'Somebody keeps terminating idle connections (57P01). Reprise mends that, but idle_session_timeout on the server, or idleTimeoutMillis on the pool, does it without a reaper.'

/** Whom it tells, and of which pool. */
type Told = Pick<Settings, 'log' | 'poolName'>

/** Notices a reaper: a process outside that ends idle connections again and again. */
export class Reaper {
  readonly #ended: number[] = []
  readonly #settings: Told
  #told = false

  constructor(settings: Told) {
    this.#settings = settings
  }

  /** Takes note of a connection that ended while nothing was in flight; speaks up once. */
  noticed(loss: Loss, connection: Connection): void {
    const idleFor = clock.now() - connection.idleSince
    if (this.#told || loss.condition !== 'admin_shutdown' || idleFor < idleAtLeast) return
    const now = clock.now()
    this.#ended.push(now)
    while (now - (this.#ended[0] ?? now) > memory) this.#ended.shift()
    if (this.#ended.length < habit) return
    this.#told = true
    const { poolName, log } = this.#settings
    publish('reprise:advice', { poolName, advice }, log)
  }
}
