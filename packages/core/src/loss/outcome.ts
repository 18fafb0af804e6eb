/**
 * What became of the work that was in flight when a connection was lost.
 *
 * - `not-sent`: not one byte of it reached the socket.
 * - `rolled-back`: the server threw it away, or can only have done so.
 * - `committed`: the server made it durable.
 * - `in-doubt`: nobody can say; the work must be looked up before it is done again.
 */
export type Outcome = (typeof outcomes)[number]

/** Every {@link Outcome}, the most harmless first. */
export const outcomes = ['not-sent', 'rolled-back', 'committed', 'in-doubt'] as const

/** Whether a value, found on any error by any route, is an {@link Outcome}. */
export function isOutcome(value: unknown): value is Outcome {
  return (outcomes as readonly unknown[]).includes(value)
}
