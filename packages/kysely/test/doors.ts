import { type RepriseOptions, ReprisePlugin, reprise } from '@reprise/kysely'
import {
  type ColumnType,
  type Generated,
  Kysely,
  type LogConfig,
  PostgresDialect,
  sql,
} from 'kysely'
import pg from 'pg'
import Cursor from 'pg-cursor'

export interface Schema {
  account: { id: number; balance: ColumnType<string, number, number> }
  entry: { id: Generated<number>; token: string; amount: number }
}

export type Db = Kysely<Schema>

/** A Kysely with its pool. */
export interface Opened {
  readonly db: Db
  readonly pool: pg.Pool
}

export interface OpenOptions {
  readonly url: string
  readonly max?: number
  readonly log?: LogConfig
  readonly pool?: pg.PoolConfig
}

/** Through the configuration that does everything. */
export function full(
  { url, max = 4, log, pool: more }: OpenOptions,
  options?: RepriseOptions,
): Opened {
  const pool = new pg.Pool({ connectionString: url, max, ...more })
  return {
    pool,
    db: new Kysely<Schema>(reprise({ pool, cursor: Cursor, log: log ?? [] }, options)),
  }
}

/** Through the plugin. */
export function plain(
  { url, max = 4, log, pool: more }: OpenOptions,
  options?: RepriseOptions,
): Opened {
  const pool = new pg.Pool({ connectionString: url, max, ...more })
  const dialect = new PostgresDialect({ pool, cursor: Cursor })
  const plugins = [new ReprisePlugin({ pool }, options)]
  return { pool, db: new Kysely<Schema>({ dialect, plugins, log: log ?? [] }) }
}

export const doors = [
  { door: 'reprise()', open: full },
  { door: 'ReprisePlugin', open: plain },
]

/** The process id of the backend that serves here now. */
export async function pidOf(db: Pick<Db, 'getExecutor'>): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db as Db)
  return rows[0]!.pid
}
