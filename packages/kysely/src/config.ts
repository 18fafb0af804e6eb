import { isPoolOrClient } from '@reprise/core'
import type { reprisePool } from '@reprise/pg'
import type { KyselyConfig, PostgresDialectConfig } from 'kysely'

/** A pool of node-postgres. */
export type Pool = Parameters<typeof reprisePool>[0]

/** What Kysely's PostgresDialect takes, and what `new Kysely()` takes beside a dialect. */
export interface Config
  extends Omit<PostgresDialectConfig, 'pool'>,
    Pick<KyselyConfig, 'plugins' | 'log'> {
  /** The pool, or what makes it when the first query is executed. */
  readonly pool: Pool | ((options?: { readonly signal?: AbortSignal | undefined }) => Promise<Pool>)
  /** The door makes its own: a dialect keeps its pool to itself. */
  readonly dialect?: never
}

const known = [
  'pool',
  'cursor',
  'controlClient',
  'onCreateConnection',
  'onReserveConnection',
  'plugins',
  'log',
]

/**
 * Checks what can be checked before a connection is made.
 * @throws TypeError with one sentence that says what to do
 */
export function checkConfig(config: Config): void {
  if (typeof config !== 'object' || config === null) {
    throw new TypeError('reprise() takes a configuration: pass { pool: new Pool({ … }) }.')
  }
  if (isPoolOrClient(config)) {
    throw new TypeError('reprise() takes a configuration, and this is a pool: pass { pool }.')
  }
  if (config.dialect !== undefined) {
    throw new TypeError(
      'reprise() makes a PostgresDialect itself: pass { pool } in place of { dialect }. A dialect of your own works on new Pool({ …, ...reprise() }) with reprise from @reprise/pg, if it sits on node-postgres; Reprise is for PostgreSQL only.',
    )
  }
  const stranger = Object.keys(config).find((name) => name !== 'dialect' && !known.includes(name))
  if (stranger !== undefined) {
    throw new TypeError(`reprise() does not know '${stranger}': use some of ${known.join(', ')}.`)
  }
  if (config.pool === undefined) {
    throw new TypeError('reprise() needs a pool: pass { pool: new Pool({ … }) }.')
  }
}
