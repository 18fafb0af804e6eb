import type { DataSource, EntityMetadata } from 'typeorm'

/** Classes of subscribers that only report. */
const reporting = new WeakSet<object>()

/** Takes note of a class of subscribers that asks nothing of the database. */
export function asksNothing(subscriber: object): void {
  reporting.add(subscriber)
}

/**
 * Whether code of the application's runs within what is asked of a data source: its subscribers, or the
 * listeners of an entity. They may write, and by a manager of their own.
 */
export function hasHooks(dataSource: DataSource, metadata?: EntityMetadata): boolean {
  const { subscribers } = dataSource
  if (subscribers.some((each) => !reporting.has(each.constructor))) return true
  return metadata !== undefined && metadata.listeners.length > 0
}
