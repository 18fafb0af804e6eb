import { isOutcome } from '@reprise/core'
import type { Failure } from './messages.ts'

const deepest = 6

/** An error as it can be sent to another process: what the application could learn from it, and no more. */
export function failureOf(error: unknown): Failure {
  const known = [...wrapped(error)]
  const claim = known.find(({ outcome }) => isOutcome(outcome))
  const coded = claim ?? known.find(({ code }) => typeof code === 'string')
  return {
    message: lastLine(String((error as { message?: unknown }).message ?? error)),
    code: text(coded?.code),
    outcome: text(claim?.outcome),
    reason: text(claim?.reason),
  }
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
