import { isOutcome } from '@reprise/core'
import type { Failure } from './messages.ts'

const deepest = 6
const writeConflict = 'TransactionWriteConflict'

/** An error as it can be sent to another process: what the application could learn from it, and no more. */
export function failureOf(error: unknown): Failure {
  const known = [...wrapped(error)]
  const claim = known.find(({ outcome }) => isOutcome(outcome)) ?? standard(known)
  const coded = known.find(({ code }) => typeof code === 'string')
  return {
    message: lastLine(String((error as { message?: unknown }).message ?? error)),
    code: text(coded?.code),
    outcome: text(claim?.outcome),
    reason: text(claim?.reason),
  }
}

/**
 * Prisma makes an error of its own out of what the driver throws, and keeps the SQLSTATE at best. Two of them say by
 * themselves what became of the work.
 */
function standard(known: readonly Known[]): Known | undefined {
  const codes = known.flatMap(({ code, originalCode }) => [code, originalCode])
  if (codes.includes('08007')) return { outcome: 'in-doubt' }
  // its names for 40001
  const conflict = codes.includes('P2034') || known.some(({ kind }) => kind === writeConflict)
  return conflict ? { outcome: 'rolled-back', reason: 'diverged' } : undefined
}

type Known = Readonly<Record<string, unknown>>

/** The error and whatever hangs on it, by any name, the nearest first. */
function* wrapped(error: unknown): Generator<Known> {
  const seen = new Set<unknown>()
  let level: unknown[] = [error]
  for (let depth = 0; depth < deepest; depth++) {
    const objects = level.filter((value) => typeof value === 'object' && value !== null)
    const fresh = objects.filter((value) => !seen.has(value)) as Known[]
    for (const value of fresh) {
      seen.add(value)
      yield value
    }
    level = fresh.flatMap((value) => Object.getOwnPropertyNames(value).map((name) => value[name]))
  }
}

/** Prisma tells first where in the source the call is, and last what happened. */
function lastLine(message: string): string {
  return message.trimEnd().split('\n').at(-1)?.trim() ?? ''
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
