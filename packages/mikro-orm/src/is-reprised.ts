import { isReprised as onSessions } from '@reprise/pg'
import { isRepriseDriver } from './driver.ts'

/** The parts of a MikroORM that say what it runs on. */
interface Orm {
  readonly driver: object
  readonly config: { get(name: 'driverOptions' | 'replicas'): unknown }
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
  const shared = config.get('driverOptions')
  const replicas = (config.get('replicas') ?? []) as readonly Configured[]
  return [shared, ...replicas.map(({ driverOptions = shared }) => driverOptions)].every(onSessions)
}
