import { clock, failsFast, RepriseError } from '@reprise/core'
import type { ClientConfig } from 'pg'
import { hostListOf } from '../connection/host-list.ts'
import type { PgClient, QueryCallback, QueryConfig, Submittable, Wire } from '../connection/wire.ts'
import { refusePipeline, refuseReplication, type Shared } from '../exchange/shared.ts'
import { tellSurfaced } from '../recovery/surface.ts'
import { ClientFace } from './client-face.ts'
import { Conversation } from './conversation.ts'
import { closed, connectedAlready, connectFailure, notReplaceable } from './failures.ts'
import { Farewell } from './farewell.ts'
import { haltable } from './haltable.ts'
import { settle } from './housekeeping.ts'
import { Intake } from './intake.ts'
import { knowOutage } from './outage.ts'
import { Relistening } from './relistening.ts'
import { SubmittableRun } from './submittable-run.ts'
import { Submittables } from './submittables.ts'
import type { Work } from './work.ts'
import { WorkQueue } from './work-queue.ts'

type ConnectCallback = (error?: Error | null, client?: unknown) => void
type Release = (error?: Error | boolean) => void

/**
 * A pg.Client to those who hold it, and more lasting than any connection: statements wait in its
 * queue, and whatever becomes of the connection under them, each is delivered once.
 */
export class Session extends ClientFace {
  /** Read by pg-pool at release. */
  _ending = false
  readonly #conversation: Conversation
  readonly #submittables: Submittables
  readonly #shared: Shared
  readonly #queue = new WorkQueue((work) => this.#start(work))
  readonly #intake: Intake
  readonly #relistening: Relistening
  #connecting: Promise<void> | undefined
  #release: Release | undefined
  #opened = false
  /** Whether it lies in its pool, where nobody holds it. */
  #resting = false
  #closed: Promise<void> | undefined
  readonly #farewell = new Farewell()

  constructor(shared: Shared, config?: string | ClientConfig) {
    super()
    refusePipeline(config)
    this.#shared = shared
    const hosts = hostListOf(config, shared.settings)
    this.#conversation = new Conversation(shared, hosts, {
      answered: () => this.#queue.answered(),
      idle: (told = false) => this.#next(!told),
      drained: () => {
        const drained = !this.#queue.owes
        if (drained) this.emit('drain')
        return drained
      },
      abandoned: () => this.#queue.abandon(),
      adopt: (connection) => this.attach(connection),
      fellSilent: () => this.#relistening.start(),
      resting: () => this.#resting || this._ending,
      pooled: () => this.#release !== undefined,
      anchorLost: (error) => {
        if (this.listenerCount('error') > 0) this.emit('error', error)
      },
      missedNotifications: () => this.emit('notificationsMissed'),
      noticed: (notice, { active }) => {
        // Between the statements of a recovery: of a connection that the application does not know yet.
        const recovering = this.#connecting === undefined && this.#conversation.link.waiting
        if (active !== undefined || !recovering) this.emit('notice', notice)
      },
    })
    refuseReplication(this.held)
    this.#relistening = new Relistening(
      () => this.#queue.add('listen'),
      () => this.keepsAlive,
    )
    const { config: made } = hosts
    knowOutage(this, this.#conversation)
    this.#submittables = new Submittables(this.#conversation)
    this.#intake = new Intake(shared, made, this.#conversation, this.#submittables, this.#queue)
  }

  /** The number of this session in the events of `node:diagnostics_channel`. */
  get id(): number {
    return this.#conversation.id
  }

  protected override get held(): PgClient {
    return this.#conversation.link.connection.client
  }

  /** The protocol layer of the connection there is now. */
  get connection(): Wire {
    const wire = this.held.connection
    if (this.#connecting === undefined) return wire
    return haltable(wire, () => this.#connecting !== undefined && this.#conversation)
  }

  /** @throws TypeError for any other: a session makes its own connections */
  set connection(wire: Wire) {
    if (wire !== this.held.connection) throw notReplaceable()
  }

  /** Read by pg-pool at release: what no holder can use any more is not handed on. */
  get _queryable(): boolean {
    return this.#conversation.link.state.restorable
  }

  /** Whether it is being connected, is, and was: libraries look at pg's own words for that. */
  get _connecting(): boolean {
    return this.#connecting !== undefined
  }

  get _connected(): boolean {
    return this.#opened && this.#connecting === undefined
  }

  get _ended(): boolean {
    return this.#closed !== undefined
  }

  connect(): Promise<this>
  connect(callback: ConnectCallback): void
  connect(callback?: ConnectCallback): Promise<this> | undefined {
    const opened = this.#open()
    if (callback === undefined) return this.#intake.promise.resolve(opened.then(() => this))
    opened.then(() => callback(null, this), callback)
  }

  query(
    config: string | QueryConfig | Submittable,
    values?: unknown,
    callback?: QueryCallback,
  ): unknown {
    return this.#intake.query(config, values, callback)
  }

  end(): Promise<void>
  end(callback: () => void): void
  end(callback?: () => void): Promise<void> | undefined {
    const ended = this.#close()
    if (callback === undefined) return this.#intake.promise.resolve(ended)
    this.#farewell.tell(callback, this.#closed === undefined)
  }

  /** 'I' outside a transaction, 'T' inside one, 'E' in one that has failed; null before connecting. */
  getTransactionStatus(): 'I' | 'T' | 'E' | null {
    const { transaction, link } = this.#conversation
    if (transaction === undefined) return this._connected ? 'I' : null
    return transaction.broken !== undefined || link.connection.status === 'E' ? 'E' : 'T'
  }

  /**
   * Nobody wants any more what is under way now: it goes on if it can, but if its connection is lost it
   * is not done again, and a recovery of it ends. For whoever is about to cancel or kill it on purpose.
   */
  abandon(): void {
    if (this.#queue.active !== undefined) this.#conversation.link.halt('aborted')
  }

  /**
   * Set by pg-pool at each checkout. A transaction left open goes to the next holder as it does with a
   * pg.Client, unless it was lost: then none of it does.
   */
  get release(): Release | undefined {
    return this.#release
  }

  set release(release: Release | undefined) {
    // What went while nobody held it is nobody's, also where that comes to light only now.
    if (this.#resting) this.#conversation.lostAnchors.released()
    this.#resting = false
    this.#release =
      release &&
      ((error) => {
        this.#resting = true
        const { transaction } = this.#conversation
        if (transaction !== undefined || this.#queue.owes) this.#queue.add('reset')
        else this.#conversation.lostAnchors.released()
        release(error)
      })
  }

  #open(): Promise<void> {
    if (this.#opened) return Promise.reject(connectedAlready())
    this.#opened = true
    this.#shared.sessions.add(this)
    this.#conversation.link.failFast = failsFast()
    this.#connecting = this.#conversation.link.open().then(
      () => {
        this.#connecting = undefined
        this.emit('connect')
        this.#next(false)
      },
      (error) => {
        this.#connecting = undefined
        const failure = connectFailure(error, this.held)
        if (failure instanceof RepriseError && failure.reason !== 'closed') {
          tellSurfaced(this.#conversation, failure)
        }
        // As with pg, whoever connects is told first.
        clock.setImmediate(() => void this.#close(failure as Error))
        throw failure
      },
    )
    return this.#connecting
  }

  #start(work: Work): void {
    if (work === 'reset') settle(this.#conversation)
    else if (work === 'listen') void this.#relistening.try(this.#conversation)
    else if (work instanceof SubmittableRun) this.#submittables.begin(work)
    else this.#conversation.begin(work)
  }

  #next(drained = true): void {
    if (this.#queue.next()) return
    if (drained) this.emit('drain')
    this.#relistening.rest(this.#conversation)
  }

  async #close(why = closed()): Promise<void> {
    if (this.#closed !== undefined) return this.#closed
    this._ending = true
    this.#relistening.end()
    this.#shared.sessions.delete(this)
    if (!this.#opened) {
      // As with pg, nothing has ended: it may be connected all the same, and is ended then.
      this.#queue.close(why)
      return
    }
    this.#closed = (async () => {
      this.#queue.close(why)
      if (this.#connecting !== undefined) {
        this.#conversation.halt('closed')
        await this.#connecting.catch(() => undefined)
      } else if (this.#queue.active !== undefined || this.#conversation.inquiry.asking) {
        const idle = this.#queue.settled()
        // What the session itself is asking has its answer soon.
        if (this.#queue.active !== undefined) this.#conversation.halt('closed')
        await idle
      }
      const { connection } = this.#conversation.link
      if (connection.usable) await connection.end()
      await this.#farewell.say(() => this.emit('end'))
    })()
    return this.#closed
  }
}
