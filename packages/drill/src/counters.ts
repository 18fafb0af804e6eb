import { type Counters, outcomes } from '@reprise/core'
import { Misuse } from './misuse.ts'

/** How long the application may take to answer, in milliseconds. */
const patience = 2000

/**
 * Reads what an application tells of itself.
 * @throws Misuse when that is not what counters() of @reprise/pg answers
 * @throws when the application does not answer
 */
export async function readCounters(url: string): Promise<Counters> {
  const response = await fetch(url, { signal: AbortSignal.timeout(patience) })
  const told: unknown = await response.json().catch(() => undefined)
  if (response.ok && isCounters(told)) return told
  throw new Misuse(
    '--counters must lead to JSON.stringify(counters()) of @reprise/pg, and what is there is something else.',
  )
}

function isCounters(value: unknown): value is Counters {
  const { surfaced, ...numbers } = (value ?? {}) as Partial<Counters>
  const names = [
    'losses',
    'reconnects',
    'replays',
    'divergences',
    'doubts',
    'reruns',
    'mended',
  ] as const
  return (
    names.every((name) => typeof numbers[name] === 'number') &&
    outcomes.every((outcome) => typeof surfaced?.[outcome] === 'number')
  )
}

/** What was added between two readings; an application that was started again begins at 0. */
export function added(before: Counters, after: Counters): Counters {
  if (after.losses < before.losses || after.mended < before.mended) return after
  return combined(after, before, (now, then) => now - then)
}

/** Both together. */
export function together(some: Counters, more: Counters): Counters {
  return combined(some, more, (one, other) => one + other)
}

type Combine = (one: number, other: number) => number

function combined(one: Counters, other: Counters, combine: Combine): Counters {
  const of = (name: Exclude<keyof Counters, 'surfaced'>): number => combine(one[name], other[name])
  return {
    losses: of('losses'),
    reconnects: of('reconnects'),
    replays: of('replays'),
    divergences: of('divergences'),
    doubts: of('doubts'),
    reruns: of('reruns'),
    mended: of('mended'),
    surfaced: {
      'not-sent': combine(one.surfaced['not-sent'], other.surfaced['not-sent']),
      'rolled-back': combine(one.surfaced['rolled-back'], other.surfaced['rolled-back']),
      committed: combine(one.surfaced.committed, other.surfaced.committed),
      'in-doubt': combine(one.surfaced['in-doubt'], other.surfaced['in-doubt']),
    },
  }
}

/** All errors, whatever they said. */
export function surfacedIn({ surfaced }: Counters): number {
  return outcomes.reduce((sum, outcome) => sum + surfaced[outcome], 0)
}
