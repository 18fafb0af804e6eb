import { isReprised as onSessions } from '@reprise/pg'
import { RerunExecutor } from './executor.ts'
import { ReprisePlugin } from './plugin.ts'

/** The part of a Kysely, or of a transaction of one, that says what it runs on. */
interface Executing {
  getExecutor(): { readonly plugins: readonly unknown[] }
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
  const executor = (value as Executing).getExecutor()
  if (executor instanceof RerunExecutor) return true
  return executor.plugins.some((plugin) => plugin instanceof ReprisePlugin && plugin.protects)
}
