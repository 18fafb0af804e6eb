import { isReprised as onSessions } from '@reprise/pg'
import { settingsUnder } from './adapter.ts'

/** Where a PrismaClient, extended or not, keeps its adapter. */
interface Client {
  readonly _engineConfig?: { readonly adapter?: unknown }
}

/** What `PrismaPg` keeps of what it was made with. */
interface Adapter {
  readonly config?: unknown
  readonly externalPool?: unknown
}

/**
 * Whether a PrismaClient, extended or not, its adapter, or a pool or client of node-postgres runs on
 * sessions. For an assertion when an application starts.
 */
export function isReprised(value: unknown): boolean {
  const adapter = (value as Client | null | undefined)?._engineConfig?.adapter ?? value
  if (settingsUnder(adapter) !== undefined) return true
  const { config, externalPool } = (adapter ?? {}) as Adapter
  return [adapter, externalPool ?? config].some(onSessions)
}
