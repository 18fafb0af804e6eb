import { notToBeSpread, type RepriseOptions } from '@reprise/core'
import pg, { type Client, type ClientConfig, type Pool } from 'pg'

export { isReprised } from './client/pool.ts'
export { rerun, type Transacting, type TransactionOf } from './client/rerun.ts'
export { type TokenTable, tokenTable } from './witness/token.ts'

import { answerWaiting, meetPool } from './client/ending-pool.ts'
import { misplaced } from './client/misplaced.ts'
import { sessionClass } from './client/pool.ts'
import { requireVersion, type Wanted } from './client/version.ts'
import type { PgClientClass } from './connection/wire.ts'
import { refusePipeline } from './exchange/shared.ts'

export type { Counters, Events, Log, RepriseOptions } from '@reprise/core'
export {
  counters,
  DivergedError,
  diagnose,
  failFast,
  InDoubtError,
  LossError,
  RolledBackError,
  rerunnable,
} from '@reprise/core'
export { requireVersion, type Wanted }

/** A client class for `pg.Pool`'s own `Client` option. */
export interface Reprised {
  readonly Client: new (config?: string | ClientConfig) => Client
}

/**
 * Makes the clients of a pool outlive their connections. Spread the result into the pool's options:
 *
 *     new pg.Pool({ connectionString, ...reprise() })
 *
 * A pg.Client that is given it refuses to connect, since it would be none of Reprise's.
 *
 * @throws TypeError for an unknown option or one of the wrong type, when pg is pg-native, and for a
 *   version of pg that was never tried
 */
export function reprise(options?: RepriseOptions): Reprised {
  requireVersion({
    name: 'pg',
    title: 'node-postgres',
    range: '^8.11.0',
    door: '@reprise/pg',
    from: typeof __filename === 'string' ? __filename : '',
  })
  const Client = repriseClient(pg.Client, options)
  const made = { Client, connection: misplaced, log: meetPool }
  return made
}

notToBeSpread(reprise, 'reprise is a function to be called: write ...reprise().')

/**
 * As {@link reprise}, on a given copy of node-postgres: for an ORM that brings its own. A class made
 * by Reprise is returned as it is.
 *
 * @throws TypeError for wrong options, or a client class that is not node-postgres
 */
export function repriseClient(Base: unknown, options?: RepriseOptions): Reprised['Client'] {
  return sessionClass(Base as PgClientClass, options) as unknown as Reprised['Client']
}

/**
 * Makes an existing pool's clients outlive their connections, from the next one on. The session is
 * built on the pool's own copy of pg. A pool that makes sessions already goes on making its own. When
 * the pool is ended, whoever waits for a client is told so.
 *
 * @returns the same pool
 * @throws TypeError when this is no pg.Pool, or one with a configuration that cannot be used
 */
export function reprisePool<P extends Pool>(pool: P, options?: RepriseOptions): P {
  const held = pool as unknown as {
    Client?: PgClientClass
    options?: unknown
  } | null
  if (typeof held !== 'object' || held === null || typeof held.Client !== 'function') {
    throw new TypeError('reprisePool() takes a pg.Pool: pass new pg.Pool({ … }).')
  }
  refusePipeline(held.options)
  held.Client = sessionClass(held.Client, options) as unknown as PgClientClass
  answerWaiting(pool)
  return pool
}
