/** What an error may say about the work that it ended. */
export type Outcome = 'not-sent' | 'rolled-back' | 'committed' | 'in-doubt'

const outcomes: readonly unknown[] = ['not-sent', 'rolled-back', 'committed', 'in-doubt']
const wrappings = ['cause', 'originalError', 'driverError', 'driverAdapterError', 'meta', 'errors']

/**
 * The outcome that an error states, itself or in anything it wraps by the ways of the known ORMs. The
 * nearest to the surface counts. Written apart from the library's own walker, which it judges.
 */
export function outcomeOf(error: unknown): Outcome | undefined {
  const seen = new Set<unknown>()
  const queue: unknown[] = [error]
  for (const at of queue) {
    if (typeof at !== 'object' || at === null || seen.has(at)) continue
    seen.add(at)
    const { outcome } = at as { outcome?: unknown }
    if (outcomes.includes(outcome)) return outcome as Outcome
    if (Array.isArray(at)) queue.push(...at)
    for (const name of wrappings) queue.push((at as Record<string, unknown>)[name])
  }
  return undefined
}
