import { setTimeout as pause } from 'node:timers/promises'
import { Deadline, type FromSession, fullJitter, type Loss, publish } from '@reprise/core'
import type { ClientConfig } from 'pg'
import { Connection, type ConnectionOwner } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { inquiry } from '../exchange/ask.ts'
import type { ServerShare } from '../exchange/servers.ts'
import type { Shared } from '../exchange/shared.ts'
import { SessionState } from '../transaction/state.ts'
import { fence, identify } from '../witness/backend.ts'
import { probe } from './probe.ts'
import { GaveUp, reconnect } from './reconnect.ts'
import { announceWaiting } from './waiting.ts'
import { watch } from './watch.ts'

const isStandby = 'SELECT pg_catalog.pg_is_in_recovery()'

/** Who hears of a link's connections. */
export interface LinkOwner extends ConnectionOwner {
  /** A connection that is about to be opened: whatever should hear of it is attached here. */
  adopt(connection: Connection): void
  /** A session that listens was without a connection for a while. */
  missedNotifications(): void
}

/** Why nobody waits any more. */
export type Halt = 'timeout' | 'closed' | 'aborted'

/**
 * A way to the server that is renewed when it breaks: one connection at a time, each with the
 * session's state in place before anything else runs on it.
 */
export class Link {
  readonly id: number
  readonly state: SessionState = new SessionState()
  /** What it shares with every other session with its server. */
  server: ServerShare
  /** Backends whose connection was lost without a word of theirs: they may live on, with their locks. */
  readonly unfenced: Set<Backend> = new Set()
  /** The current connection; it may be unconnected, or lost. */
  connection: Connection
  /** Why nobody waits any more for what is under way. */
  halted: Halt | undefined
  /** Whether whoever waits now does not wait for a server that is down. */
  failFast = false
  /** Whether something was written: then a server that cannot be written to will not do. */
  wrote = false
  readonly #shared: Shared
  readonly #config: string | ClientConfig | undefined
  readonly #owner: LinkOwner
  readonly #tryFor: number
  #waiting: Deadline | undefined
  #fresh = true

  constructor(
    id: number,
    shared: Shared,
    config: string | ClientConfig | undefined,
    owner: LinkOwner,
  ) {
    this.id = id
    this.#shared = shared
    this.#config = config
    this.#owner = owner
    this.connection = new Connection(shared.Base, config, owner)
    this.server = shared.server(this.connection.client)
    this.#tryFor =
      typeof config === 'object' && config !== null ? (config.connectionTimeoutMillis ?? 0) : 0
  }

  /** Whose events these are. */
  get from(): FromSession {
    const { host, port, database, connectionParameters } = this.connection.client
    const applicationName =
      connectionParameters.application_name || connectionParameters.fallback_application_name
    return { session: this.id, host, port, database, applicationName: applicationName || undefined }
  }

  /** Whether somebody waits for a connection now. */
  get waiting(): boolean {
    return this.#waiting !== undefined
  }

  /** Opens the first connection. */
  async open(): Promise<void> {
    // Its holder may have assigned another address since.
    this.server = this.#shared.server(this.connection.client)
    const limit = this.#shared.settings.deadline
    const deadline = this.waitAtMost(this.#tryFor > 0 ? Math.min(limit, this.#tryFor) : limit)
    try {
      await this.connected(deadline)
    } finally {
      this.arrived()
      deadline.dispose()
    }
  }

  /** A deadline that ends early when the link is halted. */
  waitAtMost(milliseconds: number): Deadline {
    const deadline = new Deadline(milliseconds)
    this.#waiting = deadline
    if (this.halted !== undefined) deadline.end(this.halted)
    return deadline
  }

  /** Nobody waits for a connection any more, since there is one. */
  arrived(): void {
    this.#waiting = undefined
  }

  /**
   * Ends the wait for a connection.
   * @returns false when nobody waits, so that there may be something in flight instead
   */
  halt(reason: Halt): boolean {
    this.halted ??= reason
    this.#waiting?.end(reason)
    return this.waiting
  }

  /** What a loss leaves behind: an unannounced end, a backend that may live on. */
  remember(loss: Loss, { backend }: Connection, wrote: boolean): void {
    if (wrote) this.wrote = true
    if (!loss.announced && backend !== undefined) this.unfenced.add(backend)
  }

  /**
   * The connection, or a new one with the session's state in place.
   * @throws Refused, GaveUp, Interrupted, StateNotRestored
   */
  async connected(deadline: Deadline): Promise<Connection> {
    if (this.connection.usable && !this.#fresh) return this.connection
    const from = performance.now()
    const first = this.#fresh
    const announced = announceWaiting(this.from, this.server, deadline)
    const attempts = await this.#renew(deadline).finally(announced)
    if (!first) {
      const duration = performance.now() - from
      publish('reprise:reconnect', { ...this.from, attempts, duration })
      if (this.state.listening) this.#owner.missedNotifications()
    }
    return this.connection
  }

  /** Connects until there is a server that will do; says how many tries that took. */
  async #renew(deadline: Deadline): Promise<number> {
    let attempts = 0
    let standby = false
    const first = this.#fresh
    try {
      for (;;) {
        const settle = async (connection: Connection): Promise<void> => {
          const ask = inquiry(this.#shared.Exchange, connection, deadline.signal)
          if (!first || this.server.gate.down) await this.#greet(connection, ask)
          await this.#fence(ask, deadline)
          standby = this.wrote && (await leadsToStandby(connection, ask))
          if (!standby) await this.state.restore(ask)
        }
        const made = await reconnect(this.#make, this.server.gate, deadline, {
          tryFor: this.#tryFor,
          failFast: this.failFast || this.#shared.settings.failFast,
          settle,
        })
        attempts += made.attempts
        if (!standby) {
          const { probeAfter } = this.#shared.settings
          watch(made.connection, probeAfter, () => this.#probe(made.connection))
          return attempts
        }
        // After a failover the old address may still lead to a standby for a while.
        made.connection.destroy()
        const wait = fullJitter(attempts, this.#shared.settings.backoff)
        await pause(wait, undefined, { signal: deadline.signal })
      }
    } catch (error) {
      // Nothing may ever run where not everything is in place.
      if (!this.#fresh) this.connection.destroy()
      if (standby && deadline.signal.aborted)
        throw new GaveUp(String(deadline.signal.reason), attempts, readOnly())
      throw error
    }
  }

  /**
   * Nothing of ours may go on elsewhere while the session goes on here: the old backends are ended
   * before its state, its role among it, is in place again.
   */
  async #fence(ask: Inquiry, { signal }: Deadline): Promise<void> {
    for (const backend of this.unfenced) {
      for (let tries = 1; (await fence(backend, ask)) === 'there'; tries++) {
        await pause(fullJitter(tries, { base: 2, cap: 200 }), undefined, { signal })
      }
      this.unfenced.delete(backend)
    }
  }

  /** A pooler accepts logins without its server: only an answer shows that there is one. */
  async #greet(connection: Connection, ask: Inquiry): Promise<void> {
    if (this.server.witnessRefused) await ask('SELECT 1')
    else await identify(connection, ask)
  }

  readonly #make = (): Connection => {
    if (!this.#fresh) this.connection = new Connection(this.#shared.Base, this.#config, this.#owner)
    this.#fresh = false
    this.connection.preparing = this.#shared.preparing
    this.connection.identifying = !this.server.witnessRefused
    this.#owner.adopt(this.connection)
    return this.connection
  }

  async #probe(connection: Connection): Promise<void> {
    const found = await probe(connection, this.#shared, this.#config)
    if (found !== 'alive' && connection.awaitsAnswer) {
      const error = new Error('the connection is half-open')
      connection.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
    }
  }
}

/** Whoever said who he is has said this as well: without a timeline he is in recovery. */
async function leadsToStandby({ backend }: Connection, ask: Inquiry): Promise<boolean> {
  if (backend !== undefined) return backend.incarnation.timeline === null
  return (await ask(isStandby)).rows[0]?.[0] === 't'
}

function readOnly(): Error {
  return Object.assign(new Error('the server is a standby'), { code: '25006' })
}
