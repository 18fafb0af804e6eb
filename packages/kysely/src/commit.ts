import * as kysely from 'kysely'

/** What Kysely recognises its AbortedTransactionError by, whichever copy of Kysely made it. */
const aborted = Symbol.for('kysely.AbortedTransactionError')

/** Old versions have none: they send a ROLLBACK after whatever COMMIT says. */
const { AbortedTransactionError } = kysely as Partial<typeof kysely>

/**
 * The error of a COMMIT as Kysely should see it. Whatever the reason, PostgreSQL has ended the
 * transaction by then, so Kysely must neither send a ROLLBACK nor let its handle run a statement more,
 * which would be outside any transaction; and it must release the connection.
 */
export function overWith(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || aborted in error) return error
  const { code, outcome, severity, advice } = error as Record<string, unknown>
  if (AbortedTransactionError !== undefined && code === '40000' && outcome === 'rolled-back') {
    const known = new AbortedTransactionError({ cause: error })
    return Object.assign(known, { code, outcome, severity, advice })
  }
  if (Object.isExtensible(error)) Object.defineProperty(error, aborted, { value: true })
  return error
}
