import type { Events } from './events.ts'
import type { Outcome } from './loss/outcome.ts'

/** What happened in this process since it started, or in one pool of it, in numbers that grow. */
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
  /**
   * Work that was lost, or found its connection lost, of which whoever asked for it noticed nothing: what
   * was told to a transaction callback, and mended by running it again, among it.
   */
  readonly mended: number
  /**
   * Losses that reached a caller, by what the error says became of the work. One that a transaction
   * callback was told of is taken out again as soon as the callback is run again.
   */
  readonly surfaced: { readonly [O in Outcome]: number }
}

type Counted = { -readonly [N in keyof Counters]: Counters[N] } & {
  surfaced: { [O in Outcome]: number }
}

/** One for all copies of this package in a process. */
const registry = Symbol.for('reprise.counters.1')
/** The same for each pool that was given a name. */
const poolRegistry = Symbol.for('reprise.counters.pools.1')

interface Registry {
  [registry]?: Counted
  [poolRegistry]?: Map<string, Counted>
}

const none = (): Counted => ({
  losses: 0,
  reconnects: 0,
  replays: 0,
  divergences: 0,
  doubts: 0,
  reruns: 0,
  mended: 0,
  surfaced: { 'not-sent': 0, 'rolled-back': 0, committed: 0, 'in-doubt': 0 },
})

function counted(): Counted {
  const held = globalThis as Registry
  held[registry] ??= none()
  return held[registry]
}

function countedPools(): Map<string, Counted> {
  const held = globalThis as Registry
  held[poolRegistry] ??= new Map()
  return held[poolRegistry]
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
  'reprise:rerun': (counts, { lost, outcome }) => {
    counts.reruns += 1
    // The callback was told of the loss, and whoever asked for its transaction was not.
    if (!lost || counts.surfaced[outcome] === 0) return
    counts.surfaced[outcome] -= 1
    counts.mended += 1
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
  const add = counting[name]
  if (add === undefined) return
  add(counted(), event)
  const { poolName } = event
  if (poolName === undefined) return
  const pools = countedPools()
  const counts = pools.get(poolName) ?? none()
  pools.set(poolName, counts)
  add(counts, event)
}

/**
 * What happened in this process so far, whichever call of reprise() it happened to: a copy, of plain
 * numbers. For an endpoint that a monitor, or the drill, reads:
 *
 *     response.end(JSON.stringify(counters()))
 *
 * @param poolName only what happened to the pools that were given this `poolName`; zeros where there is none
 */
export function counters(poolName?: string): Counters {
  if (poolName === undefined) return structuredClone(counted())
  return structuredClone(countedPools().get(poolName) ?? none())
}
