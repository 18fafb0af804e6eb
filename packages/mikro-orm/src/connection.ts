import type { PostgreSqlConnection } from '@mikro-orm/postgresql'
import { type RepriseOptions, reprisePool } from '@reprise/pg'
import type { Dialect, Pool } from './dialect.ts'
import { isKnexConnection, withKnexSessions } from './knex.ts'
import { LeasingDriver } from './leasing-driver.ts'
import { noteLosses } from './losses.ts'

interface PoolOverrides {
  readonly onPoolCreated?: (pool: Pool) => unknown
}

/**
 * Has a connection of MikroORM's, to the primary or to a replica, make a pool of sessions when it
 * comes to make one.
 */
export function withSessions(connection: PostgreSqlConnection, options: RepriseOptions): void {
  noteLosses(connection)
  if (isKnexConnection(connection)) {
    withKnexSessions(connection, options)
    return
  }
  const create = connection.createKyselyDialect as (overrides: object) => Dialect
  connection.createKyselyDialect = (overrides: object): Dialect => {
    let sessions: Pool | undefined
    const { onPoolCreated } = overrides as PoolOverrides
    const dialect = create.call(connection, {
      ...overrides,
      onPoolCreated: (pool: Pool) => {
        sessions = reprisePool(pool, options)
        return onPoolCreated?.(pool)
      },
    })
    if (sessions === undefined) {
      throw new TypeError(
        "Reprise found no pool: a Connection class that overrides createKyselyDialect() must call super's with the options it was given, onPoolCreated included.",
      )
    }
    const pool = sessions
    const createDriver = dialect.createDriver
    dialect.createDriver = () => new LeasingDriver(createDriver.call(dialect), pool)
    return dialect
  }
}
