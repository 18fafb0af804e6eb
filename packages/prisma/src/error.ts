import { PrismaClientKnownRequestError } from '@prisma/client/runtime/client'
import { type Diagnosis, diagnose, isOutcome } from '@reprise/core'
import { type DriverAdapterError, isDriverAdapterError } from './outcome.ts'

const known = 'PrismaClientKnownRequestError'

/** Prisma's codes for what it never gives a code, because it happens at COMMIT. */
const writeConflict = 'P2034'
const databaseError = 'P2039'

/**
 * Gives a lost connection one shape, whatever Prisma was doing: Prisma's own class and code, with
 * `outcome`, `condition`, `sqlstate`, `reason`, `attempts` and `advice` as own properties and the
 * session's error as `cause`. Everything else is handed back as it is.
 */
export function honest(error: unknown, clientVersion: string): unknown {
  const raised = adapterErrorOf(error)
  const bare = raised !== undefined && raised === error
  // Errors of the application's own making are none of our business, whatever they look like.
  if (!bare && !isKnown(error)) return error
  if (!bare && tellsOutcome(error)) return error
  const diagnosis = diagnose(raised?.cause.originalError ?? error)
  if (diagnosis !== undefined) {
    return tell(
      bare ? knownError(raised, clientVersion) : (error as PrismaError),
      diagnosis,
      raised,
    )
  }
  return bare && isConflict(raised) ? knownError(raised, clientVersion) : error
}

/** The outcome that an error tells, if it does. */
export function tellsOutcome(error: unknown): boolean {
  return isOutcome((error as { outcome?: unknown } | null)?.outcome)
}

/**
 * Prisma answers P2028 to all that is asked of a transaction it has given up, and says nothing of the
 * loss that came before.
 */
export function remind(error: unknown, loss: Error): unknown {
  const { code } = (error ?? {}) as { code?: unknown }
  if (code !== 'P2028' || tellsOutcome(error)) return error
  const { outcome, condition, sqlstate, reason, advice } = loss as PrismaError
  const later = error as PrismaError
  later.message += ` Before that: ${loss.message}`
  Object.assign(later, defined({ outcome, condition, sqlstate, reason, advice }))
  return withCause(later, loss)
}

/**
 * Prisma 6 asks for a rollback behind a COMMIT that failed, and throws what it is told then: P2028, the
 * transaction is closed.
 *
 * @param commit what the COMMIT failed with, if one did
 * @returns what should have been thrown
 */
export function unmasked(error: unknown, commit: unknown, clientVersion: string): unknown {
  if (!isKnown(error) || error.code !== 'P2028' || tellsOutcome(error)) return error
  const shown = honest(commit, clientVersion)
  return shown === commit ? error : shown
}

/** What is told of a call that commits in several places, in Prisma's own class, as every other loss. */
export function ofPrisma(error: unknown, clientVersion: string): unknown {
  const { reason, cause, message, code, ...told } = (error ?? {}) as SessionError & Diagnosis
  if (reason !== 'in-parts' || isKnown(error) || !isKnown(cause)) return error
  const { outcome, condition, attempts, advice } = told
  const { code: shown, meta } = cause as { code: string; meta?: Record<string, unknown> }
  const own = new PrismaClientKnownRequestError(message, {
    code: shown,
    clientVersion,
    ...(meta && { meta }),
  })
  Object.assign(own, { outcome, condition, attempts, advice, reason, sqlstate: code })
  return withCause(own, error)
}

interface PrismaError extends Error {
  readonly code?: unknown
  outcome?: unknown
  condition?: unknown
  sqlstate?: unknown
  reason?: unknown
  advice?: unknown
  meta?: { readonly driverAdapterError?: unknown }
}

interface SessionError extends Error {
  readonly code?: string
  readonly reason?: string
}

function isKnown(error: unknown): error is PrismaError {
  return (error as { name?: unknown } | null | undefined)?.name === known
}

function adapterErrorOf(error: unknown): DriverAdapterError | undefined {
  if (isDriverAdapterError(error)) return error
  const wrapped = (error as PrismaError | null | undefined)?.meta?.driverAdapterError
  return isDriverAdapterError(wrapped) ? wrapped : undefined
}

function isConflict({ cause }: DriverAdapterError): boolean {
  return cause.kind === 'TransactionWriteConflict'
}

/** At COMMIT, Prisma throws the adapter's error as it is. */
function knownError(raised: DriverAdapterError, clientVersion: string): PrismaError {
  const { originalError } = raised.cause
  const { message } = originalError instanceof Error ? originalError : raised
  return new PrismaClientKnownRequestError(message, {
    code: isConflict(raised) ? writeConflict : databaseError,
    clientVersion,
    meta: { driverAdapterError: raised },
  })
}

function tell(
  error: PrismaError,
  { outcome, condition, sqlstate, attempts, advice }: Diagnosis,
  raised: DriverAdapterError | undefined,
): PrismaError {
  const original = raised?.cause.originalError as SessionError | undefined
  const reason = original?.reason ?? (original?.cause as SessionError | undefined)?.reason
  const properties = { outcome, condition, attempts, advice, reason }
  Object.assign(error, defined({ ...properties, sqlstate: original?.code ?? sqlstate }))
  return withCause(error, original ?? raised)
}

function withCause(error: PrismaError, cause: unknown): PrismaError {
  if (cause !== undefined && cause !== error) {
    Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true })
  }
  return error
}

function defined(properties: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined))
}
