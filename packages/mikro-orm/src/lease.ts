import { FailedTransactionError, outsideUnit } from '@reprise/core'
import type {
  Answer,
  Chunks,
  CompiledQuery,
  KyselyConnection,
  Pool,
  PoolClient,
} from './dialect.ts'

/**
 * One checkout of a connection. It can be given back once, whoever does it, and from then on nothing
 * that still holds it can reach the connection: by then that may serve somebody else.
 */
export class Lease implements KyselyConnection {
  readonly inner: KyselyConnection
  readonly #client: PoolClient
  readonly #pool: Pool
  #abortable = false
  #running: CompiledQuery['queryId'] | undefined
  #over: { readonly cause: unknown } | undefined
  #rollingBack = false

  constructor(inner: KyselyConnection, client: PoolClient, pool: Pool) {
    this.inner = inner
    this.#client = client
    this.#pool = pool
  }

  /** Ends it; whether it had not ended before. */
  end(cause?: unknown): boolean {
    if (this.#over !== undefined) return false
    this.#over = { cause }
    return true
  }

  /** Why nothing may be sent any more, if so. */
  get refusal(): Error | undefined {
    if (this.#rollingBack) return new FailedTransactionError()
    return this.#over && new FailedTransactionError(this.#over.cause)
  }

  /** Rolls back: what is asked of it meanwhile would be executed behind the ROLLBACK, outside. */
  async rollback(send: () => Promise<void>): Promise<void> {
    this.#rollingBack = true
    try {
      await send()
    } finally {
      this.#rollingBack = false
    }
  }

  /** Kysely calls it before a statement that it may have to abort. */
  collectSessionInfo(): Promise<void> {
    this.#abortable = true
    return Promise.resolve()
  }

  executeQuery<R>(query: CompiledQuery): Answer<R> {
    const { refusal } = this
    if (refusal !== undefined) return Promise.reject(refusal)
    if (!this.#abortable) return this.inner.executeQuery<R>(query)
    this.#abortable = false
    this.#running = query.queryId
    return this.inner.executeQuery<R>(query).finally(() => {
      this.#running = undefined
    })
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): Chunks<R> {
    const { refusal } = this
    if (refusal !== undefined) throw refusal
    return this.inner.streamQuery<R>(query, chunkSize)
  }

  /** Kysely's own looks the backend up once per client, and a session changes its backend. */
  cancelQuery(): Promise<void> {
    return outsideUnit(() => this.#control('pg_cancel_backend'))
  }

  /** As {@link cancelQuery}. */
  killSession(): Promise<void> {
    return outsideUnit(() => this.#control('pg_terminate_backend'))
  }

  async #control(signal: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#client.abandon?.()
    const { Client, options } = this.#pool as unknown as {
      Client: new (config: object) => PoolClient
      options: { password?: unknown }
    }
    // The password is not enumerable.
    const control = new Client({ ...options, password: options.password })
    try {
      await control.connect()
      if (this.#running !== running) return
      await control.query(`select ${signal}($1)`, [this.#client.processID])
    } finally {
      void control.end()
    }
  }
}
