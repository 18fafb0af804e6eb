import { vi } from 'vitest'
import type { Mutant } from './instrument.ts'
import type { Verdict } from './ledger.ts'
import type { Reached } from './reach.ts'
import { stryker } from './stryker.ts'
import type { Suite, Test } from './suite.ts'
import { around, failureOf, load, open } from './trial.ts'

/** A test that passes without a mutant. */
export interface Trial {
  readonly suite: Suite
  readonly test: Test
  readonly reached: Reached
  /** How long it may take, in milliseconds. */
  readonly limit: number
}

/** What trying a mutant has shown. */
export interface Found {
  readonly verdict: Verdict
  /** The test that has noticed, unless it was made for this mutant alone. */
  readonly killer?: Trial
}

/** How the mutants of a part are tried. */
export interface Trying {
  /** The cheapest first. */
  readonly trials: readonly Trial[]
  readonly mutants: readonly Mutant[]
  /** Answers are kept, so everything is loaded anew for each mutant. */
  readonly cached: boolean
  /** The names of the tests that have killed mutants, by the mutants' names. */
  readonly killers: Readonly<Record<string, string>>
  /** Says that it goes on. */
  readonly alive: () => void
}

/** How long the tests that one mutant meets may take in all, in milliseconds: the most telling come first. */
const patience = 20_000

/** A test of less than so many milliseconds is not worth leaving out. */
const cheap = 20

/** Runs every test without a mutant, and sees what each comes by. */
export async function reachOf(suites: readonly Suite[], alive: () => void): Promise<Reached[]> {
  const found: Reached[] = []
  for (const suite of suites) {
    const why = await open(suite)
    if (why !== undefined) console.log(`${suite.file} cannot begin: ${why}`)
    for (const { name, ...test } of suite.tests) {
      alive()
      const from = performance.now()
      stryker().currentTestId = name
      const failure = await failureOf({ name, ...test }, 60_000)
      stryker().currentTestId = undefined
      const cost = performance.now() - from
      const hits = stryker().mutantCoverage?.perTest[name] ?? {}
      if (failure === undefined) found.push({ name, file: suite.file, cost, hits })
      else console.log(`fails without a mutant: ${name}: ${failure}`)
    }
  }
  return found
}

/** The tests that pass without a mutant, the cheapest first. */
export function trialsOf(suites: readonly Suite[], reach: readonly Reached[]): Trial[] {
  const known = new Map(reach.map((reached) => [reached.name, reached]))
  const trials: Trial[] = []
  for (const suite of suites) {
    for (const test of suite.tests) {
      const reached = known.get(test.name)
      if (reached === undefined) continue
      const limit = Math.min(20_000, Math.max(2_500, reached.cost * 8))
      trials.push({ suite, test, reached, limit })
    }
  }
  return trials.sort((a, b) => a.reached.cost - b.reached.cost)
}

/** Tries a mutant on the tests that come by it. */
export async function killerOf(mutant: Mutant, how: Trying): Promise<Found> {
  const { trials, mutants, cached, alive } = how
  const reaching = trials.filter(({ reached }) => reached.hits[mutant.id] !== undefined)
  if (!cached && reaching.length > 0) {
    const killer = await killerAmong(mostTelling(reaching, mutant, how), mutant, alive)
    if (killer !== undefined) return { verdict: 'killed', killer }
  }
  const isStatic = stryker().mutantCoverage?.static[mutant.id] !== undefined
  if (!cached && !isStatic) return { verdict: reaching.length > 0 ? 'survived' : 'uncovered' }
  // What runs when its file is loaded concerns the tests that come by anything else in the file, and
  // those that may only look at its data. What is answered from a cache reaches nothing, in a run of
  // all tests.
  const beside = mutants.filter(({ file }) => file === mutant.file)
  const isNear = ({ reached }: Trial): boolean => beside.some(({ id }) => reached.hits[id])
  const files = new Set(trials.filter(isNear).map(({ reached }) => reached.file))
  const looks = ({ suite, reached }: Trial): boolean =>
    reached.cost < cheap && (files.has(reached.file) || suite.first.length === 0)
  const near = trials.filter((trial) => isNear(trial) || looks(trial))
  const all = new Set([...reaching, ...(cached || near.length === 0 ? trials : near)])
  return { verdict: (await failsAnew(mutant, [...all], alive)) ? 'killed' : 'survived' }
}

/** The first of the tests that notices, as long as there is patience. */
async function killerAmong(
  trials: readonly Trial[],
  mutant: Mutant,
  alive: () => void,
): Promise<Trial | undefined> {
  let left = patience
  for (const trial of trials) {
    left -= trial.reached.cost
    if (left < 0) break
    alive()
    await open(trial.suite)
    stryker().hitCount = 0
    stryker().hitLimit = Math.max(10_000, (trial.reached.hits[mutant.id] ?? 0) * 100)
    stryker().activeMutant = mutant.id
    const failure = await failureOf(trial.test, trial.limit)
    stryker().activeMutant = undefined
    if (failure !== undefined) return trial
  }
  return undefined
}

/** Those that have killed most of the mutants of the same file come first, and then the cheapest. */
function mostTelling(trials: readonly Trial[], { file }: Mutant, { killers }: Trying): Trial[] {
  const kills = new Map<string, number>()
  for (const [mutant, test] of Object.entries(killers)) {
    if (mutant.startsWith(`${file} `)) kills.set(test, (kills.get(test) ?? 0) + 1)
  }
  const worth = ({ test, reached }: Trial): number =>
    ((kills.get(test.name) ?? 0) + 0.1) / Math.max(20, reached.cost)
  return [...trials].sort((a, b) => worth(b) - worth(a))
}

/** Whether one of the tests fails when everything is loaded with the mutant. */
async function failsAnew(
  mutant: Mutant,
  trials: readonly Trial[],
  alive: () => void,
): Promise<boolean> {
  const limits = new Map(trials.map(({ test, limit }) => [test.name, limit]))
  const order = [...limits.keys()]
  vi.resetModules()
  stryker().activeMutant = mutant.id
  stryker().hitCount = 0
  stryker().hitLimit = 1_000_000
  try {
    for (const file of new Set(trials.map(({ reached }) => reached.file))) {
      alive()
      const suite = await load(file)
      let failed = (await around(suite.first)) !== undefined
      const cost = ({ name }: Test): number => order.indexOf(name)
      for (const test of suite.tests.sort((a, b) => cost(a) - cost(b))) {
        const limit = limits.get(test.name)
        if (failed || limit === undefined) continue
        alive()
        failed = (await failureOf(test, limit)) !== undefined
      }
      await around(suite.last)
      if (failed) return true
    }
    return false
  } catch {
    return true
  } finally {
    stryker().activeMutant = undefined
  }
}
