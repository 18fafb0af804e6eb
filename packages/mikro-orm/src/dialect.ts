import type { PostgreSqlConnection } from '@mikro-orm/postgresql'
import type { reprisePool } from '@reprise/pg'

/** The Kysely dialect that MikroORM makes for each of its connections, in its own copy of Kysely. */
export type Dialect = ReturnType<PostgreSqlConnection['createKyselyDialect']>

/** Kysely's driver. */
export type KyselyDriver = ReturnType<Dialect['createDriver']>

/** What Kysely takes for a connection. */
export type KyselyConnection = Awaited<ReturnType<KyselyDriver['acquireConnection']>>

declare const connection: KyselyConnection

/** What becomes of a statement. */
export type Answer<R> = ReturnType<typeof connection.executeQuery<R>>

/** The chunks of a streamed answer. */
export type Chunks<R> = ReturnType<typeof connection.streamQuery<R>>

/** A statement as Kysely hands it to a connection. */
export type CompiledQuery = Parameters<KyselyConnection['executeQuery']>[0]

/** Isolation level and access mode of a transaction. */
export type TransactionSettings = Parameters<KyselyDriver['beginTransaction']>[1]

/** How the statement of a savepoint is made. */
export type CompileQuery = Parameters<NonNullable<KyselyDriver['savepoint']>>[2]

/** A wait that an AbortSignal may end. */
export type Abortable = Parameters<KyselyDriver['acquireConnection']>[0]

/** A pool of node-postgres, in MikroORM's own copy. */
export type Pool = Parameters<typeof reprisePool>[0]

/** One client of such a pool: a session. */
export interface PoolClient {
  readonly processID: number | null
  connect(): Promise<unknown>
  query(text: string, values: unknown[]): Promise<unknown>
  release(destroy?: boolean): void
  end(): Promise<unknown>
  /** What is in flight is not wanted any more, so a loss of it is not to be mended. */
  abandon?(): void
}
