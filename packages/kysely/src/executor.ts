import { type Budget, rerun, type Settings, type Unit } from '@reprise/core'
import type {
  AbortableOperationOptions,
  AbortableQueryOptions,
  CompiledQuery,
  ConnectionProvider,
  DatabaseConnection,
  DialectAdapter,
  KyselyPlugin,
  QueryExecutor,
  QueryId,
  QueryResult,
  RootOperationNode,
} from 'kysely'
import { Lease } from './lease.ts'

type Consumer<T> = (connection: DatabaseConnection) => Promise<T>

/** What re-runs need. */
export interface Terms {
  readonly settings: Settings
  readonly budget: Budget
}

/**
 * Kysely's own executor, but for one thing: what a transaction does with its connection is done again
 * from its start where its callback allows it. Kysely shows nobody the callback, only a closure that
 * calls it; a callback declared `rerunnable()` says so itself when it is called.
 */
export class RerunExecutor implements QueryExecutor {
  readonly #inner: QueryExecutor
  readonly #terms: Terms
  /** On one connection that somebody else holds. */
  readonly #pinned: boolean

  constructor(inner: QueryExecutor, terms: Terms, pinned = false) {
    this.#inner = inner
    this.#terms = terms
    this.#pinned = pinned
  }

  get adapter(): DialectAdapter {
    return this.#inner.adapter
  }

  get plugins(): readonly KyselyPlugin[] {
    return this.#inner.plugins
  }

  transformQuery<T extends RootOperationNode>(node: T, queryId: QueryId): T {
    return this.#inner.transformQuery(node, queryId)
  }

  compileQuery<R = unknown>(node: RootOperationNode, queryId: QueryId): CompiledQuery<R> {
    return this.#inner.compileQuery(node, queryId)
  }

  /** Queries take a connection of the inner executor: there is nothing to run again. */
  executeQuery<R>(
    query: CompiledQuery<R>,
    options?: AbortableQueryOptions,
  ): Promise<QueryResult<R>> {
    // Before 0.28 it is the query's id that is handed on here.
    return this.#inner.executeQuery(query, options)
  }

  stream<R>(
    query: CompiledQuery<R>,
    chunkSize: number,
    options?: AbortableOperationOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    return this.#inner.stream(query, chunkSize, options)
  }

  provideConnection<T>(consumer: Consumer<T>, options?: AbortableOperationOptions): Promise<T> {
    const inner = this.#inner
    if (!this.#pinned) {
      return this.#rerun((unit) =>
        inner.provideConnection((connection) => within(unit, connection, consumer), options),
      )
    }
    return inner.provideConnection(
      (connection) =>
        (connection as Lease).inTransaction
          ? consumer(connection)
          : this.#rerun((unit) => within(unit, connection, consumer)),
      options,
    )
  }

  withConnectionProvider(provider: ConnectionProvider): QueryExecutor {
    return new RerunExecutor(this.#inner.withConnectionProvider(provider), this.#terms, true)
  }

  withPlugin(plugin: KyselyPlugin): QueryExecutor {
    return this.#with(this.#inner.withPlugin(plugin))
  }

  withPlugins(plugins: readonly KyselyPlugin[]): QueryExecutor {
    return this.#with(this.#inner.withPlugins(plugins))
  }

  withPluginAtFront(plugin: KyselyPlugin): QueryExecutor {
    return this.#with(this.#inner.withPluginAtFront(plugin))
  }

  withoutPlugins(): QueryExecutor {
    return this.#with(this.#inner.withoutPlugins())
  }

  #with(inner: QueryExecutor): QueryExecutor {
    return new RerunExecutor(inner, this.#terms, this.#pinned)
  }

  #rerun<T>(run: (unit: Unit) => Promise<T>): Promise<T> {
    const { settings, budget } = this.#terms
    return rerun(undefined, run, settings, budget)
  }
}

/**
 * Runs a consumer with a part of a lease that is its own, and that knows which run of a callback it serves.
 */
async function within<T>(
  unit: Unit,
  connection: DatabaseConnection,
  consumer: Consumer<T>,
): Promise<T> {
  const own = new Lease(connection as Lease, unit)
  try {
    return await consumer(own)
  } finally {
    own.end()
  }
}
