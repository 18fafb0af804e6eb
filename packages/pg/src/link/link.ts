import { clock, Deadline, type FromSession, type Loss, publish } from '@reprise/core'
import { type Address, addressOf, aim } from '../connection/address.ts'
import { Connection, type ConnectionOwner } from '../connection/connection.ts'
import { sessionOf } from '../connection/from-session.ts'
import type { HostList } from '../connection/host-list.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { noteOrigin, originOf } from '../connection/origin.ts'
import { inquiry } from '../exchange/ask.ts'
import type { ServerShare } from '../exchange/servers.ts'
import type { Shared } from '../exchange/shared.ts'
import { SessionState } from '../transaction/state.ts'
import { fenceWholly, greet, isElsewhere, type Trace } from '../witness/backend.ts'
import { Hosts } from './hosts.ts'
import { reconnect } from './reconnect.ts'
import { listenTo } from './silence.ts'
import type { Stop } from './stops.ts'
import { announceWaiting } from './waiting.ts'
import { watch } from './watch.ts'

/** Who hears of a link's connections. */
export interface LinkOwner extends ConnectionOwner {
  /** A connection that is about to be opened: whatever should hear of it is attached here. */
  adopt(connection: Connection): void
  /**
   * Judges what statements may have left on the connections that are gone, before the state is restored.
   * @throws Interrupted when the connection ends
   */
  judgeLost(ask: Inquiry, connection: Connection): Promise<void>
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
  /** The servers that it may lead to. */
  readonly hosts: Hosts
  /**
   * Backends whose connection was lost without a word of theirs, and where: they may live on, with
   * their locks.
   */
  readonly unfenced: Map<Trace, Address> = new Map()
  /** The current connection; it may be unconnected, or lost. */
  connection: Connection
  /** Why nobody waits any more for what is under way. */
  halted: Halt | undefined
  /** Whether whoever waits now does not wait for a server that is down. */
  failFast = false
  /** When a connection was lost last, by the clock of `performance.now()`. */
  lostAt = 0
  readonly #shared: Shared
  readonly #config: HostList['config']
  readonly #owner: LinkOwner
  readonly #tryFor: number
  #waiting: Deadline | undefined
  #fresh = true

  constructor(id: number, shared: Shared, list: HostList, owner: LinkOwner) {
    this.id = id
    this.#shared = shared
    this.#config = list.config
    this.#owner = owner
    this.connection = new Connection(shared.Base, list.config, owner)
    const { client } = this.connection
    this.hosts = new Hosts(shared, list, client)
    this.server = shared.server(addressOf(client), client)
    this.#tryFor = (typeof list.config === 'object' && list.config.connectionTimeoutMillis) || 0
  }

  /** Whose events these are. */
  get from(): FromSession {
    return sessionOf(this.connection.client, this.id, this.#shared.settings.poolName)
  }

  /** Whether somebody waits for a connection now. */
  get waiting(): boolean {
    return this.#waiting !== undefined
  }

  /** Opens the first connection. */
  async open(): Promise<void> {
    // Its holder may have assigned another address since.
    this.hosts.heed(this.connection.client)
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
  remember(loss: Loss, connection: Connection, wrote: boolean): void {
    this.lostAt = clock.now()
    if (wrote) this.hosts.hasWritten()
    if (!loss.announced) this.lostSightOf(connection)
  }

  /** Its backend may live on, for all we know. */
  lostSightOf(connection: Connection): void {
    const { backend, mark, client, identifying } = connection
    const known = backend ?? mark ?? (identifying ? originOf(connection) : undefined)
    if (known !== undefined) this.unfenced.set(known, addressOf(client))
  }

  /**
   * The connection, or a new one with the session's state in place.
   * @throws Refused, GaveUp, Interrupted, StateNotRestored
   */
  async connected(deadline: Deadline): Promise<Connection> {
    if (this.connection.usable && !this.#fresh) return this.connection
    const from = clock.now()
    const first = this.#fresh
    this.hosts.wanted(this.connection.client)
    const announced = announceWaiting(
      () => this.from,
      () => this.hosts.gate,
      deadline,
      this.#shared.settings.log,
    )
    const attempts = await this.#renew(deadline).finally(announced)
    if (!first) {
      const duration = clock.now() - from
      publish('reprise:reconnect', { ...this.from, attempts, duration })
      if (this.state.listening) this.#owner.missedNotifications()
    }
    return this.connection
  }

  /** Connects until there is a server that will do; says how many rounds that took. */
  async #renew(deadline: Deadline): Promise<number> {
    const first = this.#fresh
    const { gate } = this.hosts
    try {
      const { connection, attempts } = await reconnect(
        {
          gate,
          tryFor: this.#tryFor,
          failFast: this.failFast || this.#shared.settings.failFast,
          stops: () => this.hosts.stops([...this.unfenced.values()], this.connection.client),
          make: (stop) => this.#make(stop),
          elsewhere: (silent, signal) =>
            this.hosts.elsewhere(silent, this.connection.client, signal),
          settle: async (opened, { target, address }, answered) => {
            const ask = inquiry(this.#shared.Exchange, opened, deadline.signal)
            let lifted = false
            if (!first || gate.down) {
              lifted = await greet(opened, ask, this.server.witnessRefused)
              answered()
            }
            await this.#fence(address, opened, ask, deadline)
            await this.hosts.require(opened, target, ask)
            if (!first) await this.#owner.judgeLost(ask, opened)
            if (lifted) await ask('RESET statement_timeout')
            await this.state.restore(ask)
          },
        },
        deadline,
      )
      // Where the others are nobody could be reached a moment ago.
      this.unfenced.clear()
      watch(connection, this.#shared.settings.probeAfter, () => this.#probe(connection))
      return attempts
    } catch (error) {
      // Nothing may ever run where not everything is in place.
      if (!this.#fresh) this.connection.destroy()
      throw error
    }
  }

  /**
   * Nothing of ours may go on elsewhere while the session goes on here: the old backends are ended
   * before its state, its role among it, is in place again. Each is ended where it was: another server
   * knows nothing of it.
   */
  async #fence(
    { host, port, ip }: Address,
    { backend: here }: Connection,
    ask: Inquiry,
    { signal }: Deadline,
  ): Promise<void> {
    for (const [backend, was] of this.unfenced) {
      if (was.host !== host || was.port !== port || (was.ip ?? ip) !== (ip ?? was.ip)) continue
      if (!isElsewhere(backend, here)) await fenceWholly(backend, ask, signal)
      this.unfenced.delete(backend)
    }
  }

  #make({ address }: Stop): Connection {
    const { Base, preparing } = this.#shared
    if (!this.#fresh) this.connection = new Connection(Base, this.#config, this.#owner)
    this.#fresh = false
    const { connection } = this
    aim(connection.client, address)
    noteOrigin(connection)
    this.server = this.#shared.server(address, connection.client)
    connection.preparing = preparing
    connection.identifying = !this.server.witnessRefused
    this.#owner.adopt(connection)
    return connection
  }

  async #probe(connection: Connection): Promise<void> {
    const found = await listenTo(connection, this.hosts, this.#shared, this.#config)
    if (found !== 'alive' && connection.awaitsAnswer) {
      connection.unreachable = found === 'unreachable'
      const error = new Error('the connection is half-open')
      connection.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
    }
  }
}
