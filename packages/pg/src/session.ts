import { analyze } from '@reprise/core'
import type { ClientConfig } from 'pg'
import { mayOpen } from './bookkeeping.ts'
import { Carriage } from './carriage.ts'
import { ClientFace } from './client-face.ts'
import { Conversation } from './conversation.ts'
import { listenAgain, settle } from './errands.ts'
import type { Exchange } from './exchange.ts'
import { closed, connectedAlready, connectFailure, neverOpened, queryTimeout } from './failures.ts'
import { Front } from './front.ts'
import { type Kit, refusePipeline } from './kit.ts'
import { Passenger } from './passenger.ts'
import {
  configOf,
  type PgClient,
  type PgQuery,
  type QueryCallback,
  type QueryConfig,
  type Submittable,
  type Wire,
} from './wire.ts'
import { fail, limit, processToKill, ready, textOf, type Work } from './work.ts'

type ConnectCallback = (error?: Error | null, client?: unknown) => void
type Release = (error?: Error | boolean) => void

/**
 * A pg.Client to those who hold it, and more lasting than any connection: statements wait in its
 * queue, and whatever becomes of the connection under them, each is delivered once.
 */
export class Session extends ClientFace {
  /** Read by pg-pool at release. */
  readonly _queryable = true
  /** Read by pg-pool at release. */
  _ending = false
  readonly #conversation: Conversation
  readonly #carriage: Carriage
  readonly #kit: Kit
  readonly #config: string | ClientConfig | undefined
  #front: Front | undefined
  #queue: Work[] = []
  /** How often in a row it could not listen again. */
  #relistened = 0
  readonly #named = new Map<string, string>()
  readonly #queryTimeout: number
  #busy = true
  #active: Work | undefined
  #connecting: Promise<void> | undefined
  #release: Release | undefined
  #opened = false
  /** Whether it lies in its pool, where nobody holds it. */
  #resting = false
  #closed: Promise<void> | undefined
  #settled: (() => void) | undefined

  constructor(kit: Kit, config?: string | ClientConfig) {
    super()
    refusePipeline(config)
    this.#kit = kit
    this.#config = config
    this.#conversation = new Conversation(kit, config, {
      answered: () => {
        this.#active = undefined
      },
      idle: () => this.#next(),
      abandoned: () => this.#abandoned(),
      adopt: (connection) => this.attach(connection),
      fellSilent: () => {
        this.#relistened = 0
        this.#enqueue('listen')
      },
      anchorLost: (error) => this.#loseAnchor(error),
      missedNotifications: () => this.emit('notificationsMissed'),
      noticed: (notice, { active }) => {
        // Between the statements of a recovery: of a connection that the application does not know yet.
        const recovering = this.#connecting === undefined && this.#conversation.line.waiting
        if (active !== undefined || !recovering) this.emit('notice', notice)
      },
    })
    this.#carriage = new Carriage(this.#conversation)
    this.#queryTimeout = this.#conversation.line.connection.queryTimeout
  }

  /** The number of this session in the events of `node:diagnostics_channel`. */
  get id(): number {
    return this.#conversation.id
  }

  protected override get held(): PgClient {
    return this.#conversation.line.connection.client
  }

  /** The protocol layer of the connection there is now. pg-pool ends a slow connect through it. */
  get connection(): Wire {
    return this.#connecting === undefined
      ? this.held.connection
      : new Proxy(this.held.connection, {
          get: (wire, key) =>
            key === 'stream'
              ? { destroy: () => this.#conversation.halt('timeout') }
              : Reflect.get(wire, key),
        })
  }

  connect(): Promise<this>
  connect(callback: ConnectCallback): void
  connect(callback?: ConnectCallback): Promise<this> | undefined {
    const opened = this.#open()
    if (callback === undefined) return opened.then(() => this)
    opened.then(() => callback(null, this), callback)
  }

  query(
    config: string | QueryConfig | Submittable,
    values?: unknown,
    callback?: QueryCallback,
  ): unknown {
    if (config === null || config === undefined) {
      throw new TypeError('Client was passed a null or undefined query')
    }
    const wrapper = this.#kit.wrapper()
    if (wrapper !== undefined) {
      this.#front ??= this.#receive()
      // Wrappers look at the number of arguments.
      const asked = [config, values, callback]
      while (asked.length > 1 && asked.at(-1) === undefined) asked.pop()
      return this.#front.ask(wrapper, asked)
    }
    if (typeof (config as Submittable).submit === 'function') {
      return this.#carry(config as Submittable, values, callback)
    }
    const exchange = new this.#kit.Exchange(
      config as string | QueryConfig,
      values as unknown[],
      callback,
    )
    let result: Promise<unknown> | undefined
    if (exchange.callback === undefined || exchange.callback === null) {
      result = new Promise((resolve, reject) => {
        exchange.callback = (error, answer) => (error ? reject(error) : resolve(answer))
      }).catch((error) => {
        // The stack of a socket event says nothing; this one leads back to the caller.
        Error.captureStackTrace(error)
        throw error
      })
    } else if (typeof exchange.callback !== 'function') {
      throw new TypeError('callback is not a function')
    }
    this.#ask(exchange, (config as QueryConfig).query_timeout)
    return result
  }

  end(): Promise<void>
  end(callback: () => void): void
  end(callback?: () => void): Promise<void> | undefined {
    const ended = this.#close()
    if (callback === undefined) return ended
    ended.then(callback)
  }

  /** 'I' outside a transaction, 'T' inside one, 'E' in one that has failed; null before connecting. */
  getTransactionStatus(): 'I' | 'T' | 'E' | null {
    const { transaction, line } = this.#conversation
    const open = this.#opened && this.#connecting === undefined
    if (transaction === undefined) return open ? 'I' : null
    return transaction.broken !== undefined || line.connection.status === 'E' ? 'E' : 'T'
  }

  /**
   * Nobody wants any more what is under way now: it goes on if it can, but if its connection is lost it
   * is not done again, and a recovery of it ends. For whoever is about to cancel or kill it on purpose.
   */
  abandon(): void {
    if (this.#active !== undefined) this.#conversation.line.halt('aborted')
  }

  /**
   * Set by pg-pool at each checkout. A transaction left open goes to the next holder as it does with a
   * pg.Client, unless it was lost: then none of it does.
   */
  get release(): Release | undefined {
    return this.#release
  }

  set release(release: Release | undefined) {
    this.#resting = false
    this.#release =
      release &&
      ((error) => {
        this.#resting = true
        const { transaction } = this.#conversation
        if (transaction !== undefined || this.#active !== undefined || this.#queue.length > 0) {
          this.#enqueue('reset')
        }
        release(error)
      })
  }

  /**
   * Whoever holds a lock by this session must hear that it is gone, as of pg's client. One that lies in
   * its pool is nobody's: it is replaced in silence.
   */
  #loseAnchor(error: Error): void {
    if (this.#resting) this.#conversation.line.state.loseAnchors()
    else if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  #open(): Promise<void> {
    if (this.#opened) return Promise.reject(connectedAlready())
    this.#opened = true
    this.#kit.sessions.add(this)
    this.#connecting = this.#conversation.line.open().then(
      () => {
        this.#connecting = undefined
        this.emit('connect')
        this.#next(false)
      },
      (error) => {
        this.#connecting = undefined
        const failure = connectFailure(error)
        // As with pg, whoever connects is told first.
        setImmediate(() => void this.#close(failure as Error))
        throw failure
      },
    )
    return this.#connecting
  }

  #ask(exchange: Exchange, timeout: number | undefined): void {
    limit(exchange, timeout ?? this.#queryTimeout, () => this.#expire(exchange))
    const once = !this.#busy && this.#queue.length === 0 && this.#conversation.isFinal
    const failure = ready(exchange, this.#kit.mapper, this.#named, once)
    this.#kit.abandon(processToKill(exchange))
    if (failure === undefined) this.#enqueue(exchange)
    else process.nextTick(() => exchange.deliver(failure))
  }

  /** Where wrappers of pg's query() hand on what they were asked. */
  #receive(): Front {
    const front: Front = new Front(
      this.#kit.Base,
      this.#config,
      () => this.held,
      (query, timeout) => {
        const made = query as PgQuery
        if (front.isGiven(query) || typeof made.requiresPreparation !== 'function') {
          this.#carry(query as Submittable, undefined, undefined)
          return
        }
        const exchange = new this.#kit.Exchange(configOf(made))
        exchange.callback = made.callback
        this.#ask(exchange, timeout)
      },
    )
    return front
  }

  #carry(load: Submittable, values: unknown, callback: QueryCallback | undefined): Submittable {
    const told = values ?? callback
    if (!load.callback && typeof told === 'function') load.callback = told
    const passenger = new Passenger(load, analyze(textOf(load)), this.#carriage)
    passenger.limit(this.#timeoutOf(load), () => this.#expire(passenger))
    this.#enqueue(passenger)
    return load
  }

  #timeoutOf(config: unknown): number {
    return (config as QueryConfig).query_timeout ?? this.#queryTimeout
  }

  #expire(work: Exchange | Passenger): void {
    if (this.#active === work) this.#conversation.halt('timeout')
    else {
      const error = queryTimeout()
      const at = this.#queue.indexOf(work)
      const behind = at >= 0 && mayOpen(work.statement) ? this.#abandoned(at + 1) : undefined
      this.#queue = this.#queue.filter((waiting) => waiting !== work)
      fail(work, error)
      behind?.(error)
    }
  }

  /** Takes from the queue what was asked behind the beginning of a transaction that does not come. */
  #abandoned(from = 0): (failure: Error) => void {
    const works = this.#queue.slice(from).filter((work) => typeof work !== 'string')
    this.#queue = this.#queue.filter((work, i) => i < from || typeof work === 'string')
    return (failure) => {
      for (const work of works) fail(work, neverOpened(failure))
    }
  }

  #enqueue(work: Work): void {
    if (this._ending) {
      process.nextTick(() => fail(work, new Error('Client was closed and is not queryable')))
    } else if (this.#busy || this.#queue.length > 0) this.#queue.push(work)
    else this.#begin(work)
  }

  #begin(work: Work): void {
    this.#busy = true
    this.#active = work
    if (work === 'reset') settle(this.#conversation)
    else if (work === 'listen') {
      void listenAgain(this.#conversation, this.keepsAlive, this.#relistened, (failures) => {
        this.#relistened = failures
        if (!this._ending && !this.#conversation.line.connection.usable) this.#enqueue('listen')
      })
    } else if (work instanceof Passenger) this.#carriage.board(work)
    else this.#conversation.begin(work)
  }

  #next(drained = true): void {
    this.#busy = false
    this.#active = undefined
    const work = this.#queue.shift()
    if (work !== undefined) this.#begin(work)
    else {
      this.#settled?.()
      if (drained) this.emit('drain')
    }
  }

  async #close(why = closed()): Promise<void> {
    if (this._ending) return this.#closed
    this._ending = true
    this.#kit.sessions.delete(this)
    this.#closed = (async () => {
      for (const work of this.#queue.splice(0)) fail(work, why)
      if (this.#connecting !== undefined) {
        this.#conversation.halt('closed')
        await this.#connecting.catch(() => undefined)
      } else if (this.#active !== undefined || this.#conversation.asking) {
        const idle = new Promise<void>((resolve) => {
          this.#settled = resolve
        })
        // What the session itself is asking has its answer soon.
        if (this.#active !== undefined) this.#conversation.halt('closed')
        await idle
      }
      const { connection } = this.#conversation.line
      if (connection.usable && this.#opened) await connection.end()
      this.emit('end')
    })()
    return this.#closed
  }
}
