import { type RepriseOptions, repriseClient } from '@reprise/pg'

/** What MikroORM 6 hands to knex. */
interface KnexOptions {
  client?: unknown
}

/** knex's dialect of PostgreSQL. */
interface KnexDialect {
  /** The pg module that it makes its connections of, in its own copy. */
  _driver(): { readonly Client: unknown }
}

type KnexDialectClass = new (...config: never[]) => KnexDialect

/** A transaction of knex's. */
interface KnexTransaction {
  isCompleted(): boolean
  readonly executionPromise: Promise<unknown>
}

/** The parts of MikroORM 6's connection, on knex, that are put on sessions. */
export interface KnexConnection {
  getKnexOptions(type: unknown): KnexOptions
  begin(options?: unknown): Promise<KnexTransaction>
}

/** Whether a connection is one of MikroORM 6, which makes its statements with knex. */
export function isKnexConnection(connection: unknown): connection is KnexConnection {
  return typeof (connection as Partial<KnexConnection>).getKnexOptions === 'function'
}

/**
 * Has a connection of MikroORM 6's, to the primary or to a replica, make sessions in its pool.
 */
export function withKnexSessions(connection: KnexConnection, options: RepriseOptions): void {
  const { getKnexOptions, begin } = connection
  // knex hands out a transaction whose BEGIN or SAVEPOINT has failed, and tells whoever uses it that it is
  // complete; why is known to nobody but its promise.
  connection.begin = async (options) => {
    const transaction = await begin.call(connection, options)
    if (transaction.isCompleted()) await transaction.executionPromise
    return transaction
  }
  connection.getKnexOptions = (type) => {
    const made = getKnexOptions.call(connection, type)
    return { ...made, client: dialectOver(made.client, options) }
  }
}

function dialectOver(Dialect: unknown, options: RepriseOptions): KnexDialectClass {
  const Base = Dialect as KnexDialectClass
  if (typeof Dialect !== 'function' || typeof Base.prototype._driver !== 'function') {
    throw new TypeError(
      'Reprise needs the dialect of @mikro-orm/postgresql: leave client out of driverOptions, or make it a class that extends PostgreSqlKnexDialect.',
    )
  }
  return class SessionDialect extends Base {
    override _driver(): { readonly Client: unknown } {
      const pg = super._driver()
      return { ...pg, Client: repriseClient(pg.Client, options) }
    }
  }
}
