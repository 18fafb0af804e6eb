import { EventEmitter } from 'node:events'
import type { Connection } from './connection.ts'
import type { PgClient } from './wire.ts'

/**
 * What a pg.Client shows of itself and keeps for its holder, over whichever client there is now:
 * properties, type parsers, and whether it keeps the process alive.
 */
export abstract class ClientFace extends EventEmitter {
  readonly #typeParsers: unknown[][] = []
  #referenced = true

  /** The client of the current connection. */
  protected abstract get held(): PgClient

  /** The backend's process id, as the server told it: another after each reconnection. */
  get processID(): number | null {
    return this.held.processID
  }

  get secretKey(): number | null {
    return this.held.secretKey
  }

  get host(): string {
    return this.held.host
  }

  get port(): number {
    return this.held.port
  }

  get user(): string | undefined {
    return this.held.user
  }

  get database(): string | undefined {
    return this.held.database
  }

  get password(): unknown {
    return this.held.password
  }

  /** Never: it is refused when a session is made. */
  get pipeline(): boolean {
    return false
  }

  get ssl(): unknown {
    return this.held.ssl
  }

  get connectionParameters(): unknown {
    return this.held.connectionParameters
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

  /** Whatever the caller should hear of a connection, and whatever it has told its client. */
  protected attach(connection: Connection): void {
    const { client } = connection
    client.on('notification', (message) => this.emit('notification', message))
    for (const parser of this.#typeParsers) client.setTypeParser(...parser)
    if (!this.#referenced)
      client.connection.once('connect', () => this.#referenced || client.unref())
  }
}
