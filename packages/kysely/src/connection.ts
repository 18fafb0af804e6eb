import { outsideUnit } from '@reprise/core'
import type {
  AbortableOperationOptions,
  CompiledQuery,
  DatabaseConnection,
  PostgresClientConstructor,
  PostgresPoolClient,
  QueryId,
  QueryResult,
} from 'kysely'

/** A client of the pool: a session of `@reprise/pg`. */
export interface Session extends PostgresPoolClient {
  /** Whatever becomes of what is under way, it is not done again. */
  abandon(): void
}

/** How to reach the server beside the pool. */
export interface Control {
  readonly Client: PostgresClientConstructor
  readonly options: object
}

/**
 * Kysely's own connection on a session. It adds what a session under it changes: the process id is
 * another after each reconnection, and what was aborted must not be done again.
 */
export class SessionConnection implements DatabaseConnection {
  /** Whether `onCreateConnection` has succeeded. */
  created = false
  readonly #inner: DatabaseConnection
  readonly #session: Session
  readonly #control: Control
  #abortable: QueryId | undefined

  constructor(inner: DatabaseConnection, session: Session, control: Control) {
    this.#inner = inner
    this.#session = session
    this.#control = control
  }

  executeQuery<R>(
    query: CompiledQuery,
    options?: AbortableOperationOptions,
  ): Promise<QueryResult<R>> {
    return options?.signal === undefined
      ? this.#inner.executeQuery(query)
      : this.#executeAbortable(query, options.signal)
  }

  streamQuery<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: AbortableOperationOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    return this.#inner.streamQuery(query, chunkSize, options)
  }

  /** Ends the query in flight on the server, if it is one that came with an AbortSignal. */
  cancelQuery(): Promise<void> {
    return outsideUnit(() => this.#tellServer('pg_cancel_backend'))
  }

  /** Ends the backend of the query in flight, if it is one that came with an AbortSignal. */
  killSession(): Promise<void> {
    return outsideUnit(() => this.#tellServer('pg_terminate_backend'))
  }

  /** Gives the session back to its pool. */
  release(): void {
    this.#session.release()
  }

  async #executeAbortable<R>(query: CompiledQuery, signal: AbortSignal): Promise<QueryResult<R>> {
    const abandon = (): void => this.#session.abandon()
    signal.addEventListener('abort', abandon, { once: true })
    this.#abortable = query.queryId
    try {
      return await this.#inner.executeQuery(query, { signal })
    } finally {
      this.#abortable = undefined
      signal.removeEventListener('abort', abandon)
    }
  }

  async #tellServer(order: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<void> {
    const query = this.#abortable
    const { processID } = this.#session
    if (query === undefined || !processID) return
    const { Client, options } = this.#control
    // A pool's options hide the password from enumeration.
    const { password } = options as { password?: unknown }
    const client = new Client({ ...options, password })
    const { on } = client as { on?: (event: 'error', listener: () => void) => unknown }
    on?.call(client, 'error', () => undefined)
    try {
      await client.connect()
      // Meanwhile the session may have gone on to another query, or to another backend.
      if (this.#abortable === query && this.#session.processID === processID) {
        await client.query(`select ${order}(${processID})`, [])
      }
    } finally {
      await Promise.resolve(client.end()).catch(() => undefined)
    }
  }
}
