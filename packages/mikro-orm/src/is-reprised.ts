import { isReprised as onSessions } from '@reprise/pg'
import { isRepriseDriver } from './driver.ts'

/** The parts of a MikroORM that say what it runs on. */
interface Orm {
  readonly driver: { getConnection(): unknown }
  readonly config: { get(name: 'driverOptions' | 'replicas'): unknown }
}

/** A connection of MikroORM 6: its knex, and the dialect of that. */
interface KnexConnection {
  readonly client?: (() => unknown) & { readonly client?: { readonly driver?: unknown } }
}

interface Configured {
  readonly driverOptions?: unknown
}

/**
 * Whether all connections of a MikroORM, to the primary and to its replicas, are sessions; of a pool or
 * client of node-postgres, whether that is. For an assertion when an application starts.
 */
export function isReprised(value: unknown): boolean {
  const { driver, config } = (value ?? {}) as Partial<Orm>
  if (driver === undefined || config === undefined) return onSessions(value)
  if (isRepriseDriver(driver.constructor)) return true
  const { client: knex } = driver.getConnection() as KnexConnection
  if (typeof knex === 'function') return onSessions(knex.client?.driver)
  const shared = config.get('driverOptions')
  const replicas = (config.get('replicas') ?? []) as readonly Configured[]
  return [shared, ...replicas.map(({ driverOptions = shared }) => driverOptions)].every(onSessions)
}
