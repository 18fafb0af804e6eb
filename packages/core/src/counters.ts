import type { Events } from './events.ts'
import type { Outcome } from './loss/outcome.ts'

/** What happened in this process since it started, in numbers that only grow. */
export interface Counters {
  /** Connections that ended without being told to. */
  readonly losses: number
  /** New connections that carried a session on. */
  readonly reconnects: number
  /** Transactions that were executed again. */
  readonly replays: number
  /** Those of the replays whose answers were others. */
  readonly divergences: number
  /** How often a server was asked what became of a commit. */
  readonly doubts: number
  /** Callbacks that were run again. */
  readonly reruns: number
  /** Work that was lost, or found its connection lost, of which its caller noticed nothing. */
  readonly mended: number
  /** Losses that reached a caller, by what the error says became of the work. */
  readonly surfaced: { readonly [O in Outcome]: number }
}

type Counted = { -readonly [N in keyof Counters]: Counters[N] } & {
  surfaced: { [O in Outcome]: number }
}

/** One for all copies of this package in a process. */
const registry = Symbol.for('reprise.counters.1')

function counted(): Counted {
  const held = globalThis as { [registry]?: Counted }
  held[registry] ??= {
    losses: 0,
    reconnects: 0,
    replays: 0,
    divergences: 0,
    doubts: 0,
    reruns: 0,
    mended: 0,
    surfaced: { 'not-sent': 0, 'rolled-back': 0, committed: 0, 'in-doubt': 0 },
  }
  return held[registry]
}

type Counting = { readonly [N in keyof Events]?: (counts: Counted, event: Events[N]) => void }

const counting: Counting = {
  'reprise:loss': (counts) => {
    counts.losses += 1
  },
  'reprise:reconnect': (counts) => {
    counts.reconnects += 1
  },
  'reprise:replay': (counts, { diverged }) => {
    counts.replays += 1
    if (diverged) counts.divergences += 1
  },
  'reprise:resolve': (counts) => {
    counts.doubts += 1
  },
  'reprise:rerun': (counts) => {
    counts.reruns += 1
  },
  'reprise:recovery': (counts, { surfaced }) => {
    if (surfaced === undefined) counts.mended += 1
  },
  'reprise:surface': (counts, { outcome }) => {
    counts.surfaced[outcome] += 1
  },
}

/** Counts an event. */
export function count<N extends keyof Events>(name: N, event: Events[N]): void {
  counting[name]?.(counted(), event)
}

/**
 * What happened in this process so far, whichever call of reprise() it happened to: a copy, of plain
 * numbers. For an endpoint that a monitor, or the drill, reads:
 *
 *     response.end(JSON.stringify(counters()))
 */
export function counters(): Counters {
  return structuredClone(counted())
}
