import { EventEmitter } from 'node:events'
import { analyze, conditionOf, currentUnit, surfaced } from '@reprise/core'
import type { ClientConfig } from 'pg'
import type { Connection } from './connection.ts'
import { Conversation } from './conversation.ts'
import type { Exchange } from './exchange.ts'
import type { Kit } from './kit.ts'
import { Passenger } from './passenger.ts'
import { GaveUp, Refused } from './reconnect.ts'
import { frozen } from './values.ts'
import type { PgClient, QueryCallback, QueryConfig, Submittable, Wire } from './wire.ts'

type Work = Exchange | Passenger | 'reset' | 'listen'
type ConnectCallback = (error?: Error | null, client?: unknown) => void
type Release = (error?: Error | boolean) => void

/**
 * A pg.Client to those who hold it, and more lasting than any connection: statements wait in its
 * queue, and whatever becomes of the connection under them, each is delivered once.
 */
export class Session extends EventEmitter {
  /** Read by pg-pool at release. */
  _queryable = true
  /** Read by pg-pool at release. */
  _ending = false
  readonly #conversation: Conversation
  readonly #kit: Kit
  readonly #queue: Work[] = []
  readonly #queryTimeout: number
  #busy = true
  #active: Work | undefined
  #connecting: Promise<void> | undefined
  #referenced = true
  #release: Release | undefined
  readonly #typeParsers: unknown[][] = []
  #opened = false
  #closed: Promise<void> | undefined
  #settled: (() => void) | undefined

  constructor(kit: Kit, config?: string | ClientConfig) {
    super()
    if (typeof config === 'object' && config !== null && config.pipeline === true) {
      throw new TypeError(
        "Reprise cannot see what became of a single statement in pg's pipeline mode: remove pipeline: true.",
      )
    }
    this.#kit = kit
    this.#conversation = new Conversation(kit, config, {
      idle: () => this.#next(),
      adopt: (connection) => this.#adopt(connection),
      fellSilent: () => this.#enqueue('listen'),
      missedNotifications: () => this.emit('notificationsMissed'),
    })
    this.#queryTimeout = this.#conversation.line.connection.queryTimeout
  }

  /** The number of this session in the events of `node:diagnostics_channel`. */
  get id(): number {
    return this.#conversation.id
  }

  get #client(): PgClient {
    return this.#conversation.line.connection.client
  }

  /** The backend's process id, as the server told it: another after each reconnection. */
  get processID(): number | null {
    return this.#client.processID
  }

  get secretKey(): number | null {
    return this.#client.secretKey
  }

  get host(): string {
    return this.#client.host
  }

  get port(): number {
    return this.#client.port
  }

  get user(): string | undefined {
    return this.#client.user
  }

  get database(): string | undefined {
    return this.#client.database
  }

  get ssl(): unknown {
    return this.#client.ssl
  }

  get connectionParameters(): unknown {
    return this.#client.connectionParameters
  }

  /** The protocol layer of the connection there is now. pg-pool ends a slow connect through it. */
  get connection(): Wire | { readonly stream: { destroy(): void } } {
    return this.#connecting === undefined
      ? this.#client.connection
      : { stream: { destroy: () => this.#conversation.halt('timeout') } }
  }

  connect(): Promise<this>
  connect(callback: ConnectCallback): void
  connect(callback?: ConnectCallback): Promise<this> | undefined {
    const opened = this.#open()
    if (callback === undefined) return opened.then(() => this)
    opened.then(
      () => callback(null, this),
      (error) => callback(error),
    )
    return undefined
  }

  query(config: string | QueryConfig | Submittable, values?: unknown, callback?: QueryCallback): unknown {
    if (config === null || config === undefined) {
      throw new TypeError('Client was passed a null or undefined query')
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
    const timeout = (config as QueryConfig).query_timeout ?? this.#queryTimeout
    if (timeout > 0) this.#limit(exchange, timeout)
    const failure = this.#ready(exchange)
    if (failure === undefined) this.#enqueue(exchange)
    else process.nextTick(() => exchange.deliver(failure))
    return result
  }

  end(): Promise<void>
  end(callback: () => void): void
  end(callback?: () => void): Promise<void> | undefined {
    const ended = this.#close()
    if (callback === undefined) return ended
    ended.then(callback)
    return undefined
  }

  /** 'I' outside a transaction, 'T' inside one, 'E' in one that has failed; null before connecting. */
  getTransactionStatus(): 'I' | 'T' | 'E' | null {
    const { transaction, line } = this.#conversation
    if (transaction === undefined) return this.#opened && this.#connecting === undefined ? 'I' : null
    return transaction.broken !== undefined || line.connection.status === 'E' ? 'E' : 'T'
  }

  /**
   * Nobody wants any more what is under way now: it goes on if it can, but if its connection is lost it
   * is not done again, and a recovery of it ends. For whoever is about to cancel or kill it on purpose.
   */
  abandon(): void {
    if (this.#active !== undefined) this.#conversation.line.halt('aborted')
  }

  ref(): void {
    this.#referenced = true
    this.#client.ref()
  }

  unref(): void {
    this.#referenced = false
    this.#client.unref()
  }

  setTypeParser(...parser: unknown[]): unknown {
    this.#typeParsers.push(parser)
    return this.#client.setTypeParser(...parser)
  }

  getTypeParser(...type: unknown[]): unknown {
    return this.#client.getTypeParser(...type)
  }

  escapeIdentifier(text: string): string {
    return this.#client.escapeIdentifier(text)
  }

  escapeLiteral(text: string): string {
    return this.#client.escapeLiteral(text)
  }

  /** Set by pg-pool at each checkout. A transaction left open is rolled back before the next holder. */
  get release(): Release | undefined {
    return this.#release
  }

  set release(release: Release | undefined) {
    this.#release =
      release &&
      ((error) => {
        if (this.#conversation.transaction !== undefined || this.#active !== undefined) {
          this.#enqueue('reset')
        }
        release(error)
      })
  }

  #open(): Promise<void> {
    if (this.#opened) return Promise.reject(new Error('Client has already been connected. You cannot reuse a client.'))
    this.#opened = true
    this.#connecting = this.#conversation.line.open().then(
      () => {
        this.#connecting = undefined
        this.emit('connect')
        this.#next()
      },
      (error) => {
        this.#connecting = undefined
        this._queryable = false
        throw connectFailure(error)
      },
    )
    return this.#connecting
  }

  /** Whatever the caller should hear of a connection, and whatever it has told its client. */
  #adopt(connection: Connection): void {
    const { client } = connection
    for (const event of ['notice', 'notification']) {
      client.on(event, (message) => this.emit(event, message))
    }
    for (const parser of this.#typeParsers) client.setTypeParser(...parser)
    if (!this.#referenced) client.connection.once('connect', () => this.#referenced || client.unref())
  }

  /** Fixes the values as they are now. */
  #ready(exchange: Exchange): Error | undefined {
    exchange.statement = analyze(exchange.text ?? '')
    if (!exchange.statement.passing || exchange.statement.commits) exchange.unit = currentUnit()
    if (!Array.isArray(exchange.values)) return undefined
    try {
      exchange.values = frozen(exchange.values, this.#kit.mapper)
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  #carry(load: Submittable, values: unknown, callback: QueryCallback | undefined): Submittable {
    if (!load.callback && typeof (values ?? callback) === 'function') load.callback = values ?? callback
    this.#enqueue(new Passenger(load, analyze(textOf(load)), this.#conversation))
    return load
  }

  #limit(exchange: Exchange, timeout: number): void {
    const callback = exchange.callback as QueryCallback
    const timer = setTimeout(() => {
      if (this.#active === exchange) this.#conversation.halt('timeout')
      else {
        const place = this.#queue.indexOf(exchange)
        if (place >= 0) this.#queue.splice(place, 1)
        exchange.deliver(queryTimeout())
      }
    }, timeout)
    exchange.callback = (error, result) => {
      clearTimeout(timer)
      callback(error, result)
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
    if (work === 'reset') this.#conversation.reset()
    else if (work === 'listen') this.#conversation.listenAgain()
    else if (work instanceof Passenger) this.#conversation.board(work)
    else this.#conversation.begin(work)
  }

  #next(): void {
    this.#busy = false
    this.#active = undefined
    const work = this.#queue.shift()
    if (work !== undefined) this.#begin(work)
    else {
      this.#settled?.()
      this.emit('drain')
    }
  }

  async #close(): Promise<void> {
    if (this._ending) return this.#closed
    this._ending = true
    this.#closed = (async () => {
      for (const work of this.#queue.splice(0)) fail(work, closed())
      if (this.#connecting !== undefined) {
        this.#conversation.halt('closed')
        await this.#connecting.catch(() => undefined)
      } else if (this.#active !== undefined) {
        const idle = new Promise<void>((resolve) => {
          this.#settled = resolve
        })
        this.#conversation.halt('closed')
        await idle
      }
      const { connection } = this.#conversation.line
      if (connection.usable && this.#opened) await connection.end()
      this.emit('end')
    })()
    return this.#closed
  }
}

/** What a caller of connect() is told: the server's own refusal, or why nobody waits any more. */
function connectFailure(error: unknown): unknown {
  if (error instanceof Refused) return error.cause
  if (!(error instanceof GaveUp)) return error
  const code = (error.cause as { code?: unknown } | undefined)?.code
  return surfaced({
    outcome: 'not-sent',
    condition: conditionOf(String(code)) ?? 'sqlclient_unable_to_establish_sqlconnection',
    reason: error.message as 'deadline' | 'timeout' | 'closed',
    attempts: error.attempts,
    cause: error.cause,
  })
}

function queryTimeout(): Error {
  return new Error('Query read timeout')
}

function closed(): Error {
  return surfaced({
    outcome: 'not-sent',
    condition: 'connection_does_not_exist',
    reason: 'closed',
    attempts: 0,
    cause: new Error('Connection terminated'),
  })
}

function fail(work: Work, error: Error): void {
  if (typeof work === 'string') return
  if (work instanceof Passenger) work.fail(error)
  else work.deliver(error)
}

/** The statement of a cursor, or of the cursor inside a stream. */
function textOf(load: Submittable): string {
  const { text, cursor } = load as { text?: unknown; cursor?: { text?: unknown } }
  const found = text ?? cursor?.text
  return typeof found === 'string' ? found : ''
}
