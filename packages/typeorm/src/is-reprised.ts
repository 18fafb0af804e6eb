import { isReprised as onSessions } from '@reprise/pg'
import type { DataSource } from 'typeorm'
import { isRepriseSubscriber } from './subscriber.ts'

/** The parts of a DataSource that say what it runs on, and will. */
interface Source {
  readonly options: Pick<DataSource['options'], 'subscribers' | 'extra'>
  readonly driver: { readonly master?: unknown; readonly slaves?: readonly unknown[] }
}

/**
 * Whether all pools of a data source run on sessions, or will when it is not initialized yet; of a pool
 * or client of node-postgres, whether that does. For an assertion when an application starts.
 */
export function isReprised(value: unknown): boolean {
  const { options, driver } = (value ?? {}) as Partial<Source>
  if (options === undefined || driver === undefined) return onSessions(value)
  const { master, slaves = [] } = driver
  if (master !== undefined) return [master, ...slaves].every(onSessions)
  return (
    onSessions({ Client: options.extra?.Client }) ||
    Object.values(options.subscribers ?? []).some(isRepriseSubscriber)
  )
}
