import { clock, type Deadline, type FromSession, type Gate, type Log, publish } from '@reprise/core'

/** How long a session waits in silence for its server, and between two words of it, in milliseconds. */
const silence = 2000
const between = 10_000

/**
 * Publishes `reprise:waiting` for as long as a session waits for its server.
 * @param from where it looks for it at the moment
 * @returns ends it
 */
export function announceWaiting(
  from: () => FromSession,
  gate: () => Gate,
  deadline: Deadline,
  log: Log | undefined,
): () => void {
  const tell = (): void => {
    const { code } = (gate().lastFailure ?? {}) as { code?: unknown }
    const cause = typeof code === 'string' ? code : undefined
    publish('reprise:waiting', { ...from(), cause, left: Math.round(deadline.remaining) }, log)
    timer = clock.setTimeout(tell, between).unref()
  }
  let timer = clock.setTimeout(tell, silence).unref()
  return () => clock.clearTimeout(timer)
}
