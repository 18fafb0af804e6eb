import { isReprised as onSessions } from '@reprise/pg'
import { isSessionAdapter } from './dialect.ts'
import { ReprisePlugin } from './plugin.ts'

/** The part of a Kysely, or of a transaction of one, that says what it runs on. */
interface Executing {
  getExecutor(): { readonly adapter: object; readonly plugins: readonly unknown[] }
}

/**
 * Whether a Kysely made by `reprise()` or with a {@link ReprisePlugin}, or a pool or client of
 * node-postgres, runs on sessions. For an assertion when an application starts.
 *
 * A dialect keeps its pool to itself: of a Kysely on a pool that took the line of `@reprise/pg`, and
 * has no plugin, this can only say false. Ask it of the pool.
 */
export function isReprised(value: unknown): boolean {
  if (typeof (value as Partial<Executing> | null | undefined)?.getExecutor !== 'function') {
    return onSessions(value)
  }
  const { adapter, plugins } = (value as Executing).getExecutor()
  if (isSessionAdapter(adapter)) return true
  return plugins.some((plugin) => plugin instanceof ReprisePlugin && plugin.protects)
}
