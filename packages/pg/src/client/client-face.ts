import { EventEmitter } from 'node:events'
import type { Connection } from '../connection/connection.ts'
import type { PgClient } from '../connection/wire.ts'

/**
 * What a pg.Client shows of itself and keeps for its holder, over whichever client there is now:
 * properties, type parsers, and whether it keeps the process alive.
 */
export abstract class ClientFace extends EventEmitter {
  readonly #typeParsers: unknown[][] = []
  /** What the holder has set by hand, for the connections to come. */
  readonly #assigned = new Map<string, unknown>()
  #referenced = true

  /** The client of the current connection. */
  protected abstract get held(): PgClient

  /** The backend's process id, as the server told it: another after each reconnection. */
  get processID(): number | null {
    return this.held.processID
  }

  set processID(value: number | null) {
    Reflect.set(this.held, 'processID', value)
  }

  get secretKey(): number | null {
    return this.held.secretKey
  }

  get host(): string {
    return this.held.host
  }

  set host(value: string) {
    this.assign('host', value)
  }

  get port(): number {
    return this.held.port
  }

  set port(value: number) {
    this.assign('port', value)
  }

  get user(): string | undefined {
    return this.held.user
  }

  set user(value: string | undefined) {
    this.assign('user', value)
  }

  get database(): string | undefined {
    return this.held.database
  }

  set database(value: string | undefined) {
    this.assign('database', value)
  }

  get password(): unknown {
    return this.held.password
  }

  set password(value: unknown) {
    this.assign('password', value)
  }

  /** Never: it is refused when a session is made. */
  get pipeline(): boolean {
    return false
  }

  get ssl(): unknown {
    return this.held.ssl
  }

  set ssl(value: unknown) {
    this.assign('ssl', value)
  }

  /** Whether answers are asked for in binary form. */
  get binary(): unknown {
    return this.held.binary
  }

  set binary(value: unknown) {
    this.assign('binary', value)
  }

  /** What pg-promise notes on each client while it connects. */
  get serverVersion(): unknown {
    return this.held.serverVersion
  }

  /** What every connection of the session starts up with: the same object, whoever changes it. */
  get connectionParameters(): unknown {
    return this.held.connectionParameters
  }

  set connectionParameters(value: unknown) {
    this.assign('connectionParameters', value)
  }

  /** Whether it keeps the process alive. */
  protected get keepsAlive(): boolean {
    return this.#referenced
  }

  ref(): void {
    this.#referenced = true
    this.held.ref()
  }

  unref(): void {
    this.#referenced = false
    this.held.unref()
  }

  setTypeParser(...parser: unknown[]): unknown {
    this.#typeParsers.push(parser)
    return this.held.setTypeParser(...parser)
  }

  getTypeParser(...type: unknown[]): unknown {
    return this.held.getTypeParser(...type)
  }

  escapeIdentifier(text: string): string {
    return this.held.escapeIdentifier(text)
  }

  escapeLiteral(text: string): string {
    return this.held.escapeLiteral(text)
  }

  /** Sets what the holder has set by hand, now and on the connections to come. */
  protected assign(name: string, value: unknown): void {
    this.#assigned.set(name, value)
    Reflect.set(this.held, name, value)
  }

  /** Whatever the caller should hear of a connection, and whatever it has told its client. */
  protected attach(connection: Connection): void {
    const { client } = connection
    client.on('notification', (message) => this.emit('notification', message))
    // A start-up reads its user and database from there, and they may have been changed by hand.
    if (!this.#assigned.has('connectionParameters')) {
      this.#assigned.set('connectionParameters', client.connectionParameters)
    }
    for (const [name, value] of this.#assigned) Reflect.set(client, name, value)
    for (const parser of this.#typeParsers) client.setTypeParser(...parser)
    if (!this.#referenced)
      client.connection.once('connect', () => this.#referenced || client.unref())
  }
}

/** What else a pg.Client has in plain sight, and libraries look at: as the current client has it. */
const inSight = [
  '_types',
  '_activeQuery',
  '_queryQueue',
  'saslSession',
  'replication',
  'enableChannelBinding',
  'scramMaxIterations',
  'sslNegotiation',
] as const

for (const name of inSight) {
  Object.defineProperty(ClientFace.prototype, name, {
    configurable: true,
    get(this: { readonly held: object }): unknown {
      return Reflect.get(this.held, name)
    },
    set(this: { assign(name: string, value: unknown): void }, value: unknown) {
      this.assign(name, value)
    },
  })
}
