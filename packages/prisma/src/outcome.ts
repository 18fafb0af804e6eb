import { diagnose, FailedTransactionError, isOutcome } from '@reprise/core'
import { commitFailed } from './commits.ts'

/** What a driver adapter keeps of a node-postgres error. */
interface Payload {
  readonly kind: string
  readonly originalCode?: string
  originalError?: unknown
}

/** The one error that driver adapters throw. */
export interface DriverAdapterError extends Error {
  readonly name: 'DriverAdapterError'
  readonly cause: Payload
}

interface Query {
  readonly sql: string
}

/** What Prisma's adapter and its transactions have in common; `onError` is protected there. */
interface Queryable {
  client?: { abandon?: () => void }
  onError?: (error: unknown) => never
  queryRaw(query: Query): Promise<unknown>
  executeRaw(query: Query): Promise<unknown>
}

/** A transaction of an adapter; the engine sends its COMMIT or ROLLBACK before it calls either of these. */
interface Transaction extends Queryable {
  /** Gives the client back, and no more. */
  commit(): Promise<void>
  /** Gives the client back, and no more. */
  rollback(): Promise<void>
}

interface Adapter extends Queryable {
  startTransaction(isolationLevel?: unknown): Promise<Transaction>
}

const told = ['outcome', 'condition', 'reason', 'advice', 'attempts'] as const

/** Whether a value is a driver adapter's error, of whichever copy of its class. */
export function isDriverAdapterError(value: unknown): value is DriverAdapterError {
  const { name, cause } = (value ?? {}) as { name?: unknown; cause?: unknown }
  return name === 'DriverAdapterError' && typeof cause === 'object' && cause !== null
}

/**
 * Makes the errors of a connected adapter tell what became of the work. Prisma's adapter copies a few
 * fields of the session's errors into an object of its own and drops the rest.
 *
 * @returns the same adapter
 */
export function tellOutcomes<A>(connected: A): A {
  const adapter = connected as unknown as Adapter
  keepOriginal(adapter)
  const start = adapter.startTransaction
  adapter.startTransaction = async (isolationLevel) => {
    try {
      return watched(await start.call(adapter, isolationLevel))
    } catch (error) {
      throw neverBegan(error)
    }
  }
  return connected
}

/** Adds the session's error to what the adapter makes of it. */
function keepOriginal(queryable: Queryable): void {
  const onError = queryable.onError
  if (typeof onError !== 'function') return
  queryable.onError = (original) => {
    try {
      return onError.call(queryable, original)
    } catch (wrapped) {
      throw tagged(wrapped, original)
    }
  }
}

function tagged(wrapped: unknown, original: unknown): unknown {
  const source = original as Record<string, unknown> | null
  if (!isDriverAdapterError(wrapped) || !isOutcome(source?.outcome)) return wrapped
  for (const name of told) {
    if (source[name] !== undefined) Object.assign(wrapped, { [name]: source[name] })
  }
  Object.defineProperty(wrapped.cause, 'originalError', { value: original, configurable: true })
  return wrapped
}

/** BEGIN and the isolation level go out before we see the transaction; the caller's work does not. */
function neverBegan(error: unknown): unknown {
  const fresh = isDriverAdapterError(error) && !('outcome' in error)
  if (fresh && diagnose(error) !== undefined) Object.assign(error, { outcome: 'not-sent' })
  return error
}

const ends: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK'])

/**
 * Prisma ends a transaction by a statement like any other. When that comes while another statement is
 * still under way, Prisma has given the transaction up (its `timeout` passed), so nobody waits for a
 * recovery of it any more.
 *
 * When that statement fails, the transaction is over all the same; Prisma 6 never gives its client back
 * then. So it is given back here, once, and nothing that comes later reaches it.
 */
function watched(transaction: Transaction): Transaction {
  keepOriginal(transaction)
  let pending = 0
  let over = false
  const { queryRaw, executeRaw, rollback } = transaction
  const run = { queryRaw, executeRaw }
  const giveBack = async (): Promise<void> => {
    if (over) return
    over = true
    await rollback.call(transaction)
  }
  const counted =
    (method: 'queryRaw' | 'executeRaw') =>
    async (query: Query): Promise<unknown> => {
      if (over) {
        if (query.sql === 'ROLLBACK') return 0
        throw new FailedTransactionError()
      }
      if (pending > 0 && query.sql === 'ROLLBACK') transaction.client?.abandon?.()
      pending += 1
      try {
        return await run[method].call(transaction, query)
      } catch (error) {
        if (method === 'executeRaw' && ends.has(query.sql)) {
          if (query.sql === 'COMMIT') commitFailed(error)
          await giveBack()
        }
        throw error
      } finally {
        pending -= 1
      }
    }
  return Object.assign(transaction, {
    queryRaw: counted('queryRaw'),
    executeRaw: counted('executeRaw'),
    commit: giveBack,
    rollback: giveBack,
  })
}
