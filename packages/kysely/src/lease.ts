import { FailedTransactionError, type Unit } from '@reprise/core'
import {
  type AbortableOperationOptions,
  CompiledQuery as Compiled,
  type CompiledQuery,
  type DatabaseConnection,
  type QueryResult,
} from 'kysely'
import type { SessionConnection } from './connection.ts'

/**
 * One holding of a connection: a checkout, or what one transaction or `connection()` has of it. Once it
 * is over, nothing that still refers to it reaches the session, which may serve somebody else by then:
 * another run of the same callback, too.
 */
export class Lease implements DatabaseConnection {
  /** The run of a callback that what is executed here belongs to. */
  readonly unit: Unit | undefined
  /** Whether Kysely has begun a transaction here and not ended it. */
  inTransaction = false
  /** Whether its transaction has ended, or is about to, other than by a COMMIT that succeeded. */
  over = false
  readonly #inner: Lease | SessionConnection

  /** @param unit given for a part of another lease: then what ends it, ends it for good */
  constructor(inner: Lease | SessionConnection, unit?: Unit) {
    this.#inner = inner
    this.unit = unit
  }

  executeQuery<R>(
    query: CompiledQuery,
    options?: AbortableOperationOptions,
  ): Promise<QueryResult<R>> {
    return this.over
      ? Promise.reject(new FailedTransactionError())
      : this.#inner.executeQuery(query, options)
  }

  streamQuery<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: AbortableOperationOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    if (this.over) throw new FailedTransactionError()
    return this.#inner.streamQuery(query, chunkSize, options)
  }

  /** Ends the query in flight on the server, if it is one that came with an AbortSignal. */
  cancelQuery(): Promise<void> {
    return this.#inner.cancelQuery()
  }

  /** Ends the backend of the query in flight, if it is one that came with an AbortSignal. */
  killSession(): Promise<void> {
    return this.#inner.killSession()
  }

  /**
   * Rolls back. It never fails, so that it never hides the error that it was sent for: where ROLLBACK
   * gets no answer, the session gives its connection up, and the server rolls back by itself.
   */
  async rollback(): Promise<void> {
    const open = this.inTransaction
    this.inTransaction = false
    // Whatever is asked of it from now on would be executed behind the ROLLBACK: outside.
    this.over = true
    // What has not begun, or was ended by a COMMIT that failed, is not rolled back: older versions ask.
    if (open) await this.#inner.executeQuery(Compiled.raw('rollback')).catch(() => undefined)
    this.over = this.unit !== undefined
  }

  /** Ends it for good. */
  end(): void {
    this.inTransaction = false
    this.over = true
  }

  /** Ends it, and gives the session back to its pool. */
  release(): void {
    this.end()
    this.#inner.release()
  }
}
