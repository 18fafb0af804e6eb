import { vi } from 'vitest'
import type { Mutant } from './instrument.ts'
import type { Verdict } from './ledger.ts'
import { stryker } from './stryker.ts'
import type { Suite, Test } from './suite.ts'
import { around, failureOf, load } from './trial.ts'

/** A test that passes without a mutant. */
export interface Trial {
  readonly id: string
  readonly file: string
  readonly test: Test
  /** How long it may take, in milliseconds. */
  readonly limit: number
  readonly cost: number
}

/** What trying a mutant has shown. */
export interface Found {
  readonly verdict: Verdict
  /** The test that has noticed, unless it was made for this mutant alone. */
  readonly killer?: Trial
}

/** The tests that pass without a mutant, the cheapest first; from now on it is known what they reach. */
export async function sound(suites: readonly Suite[], alive: () => void): Promise<Trial[]> {
  const trials: Trial[] = []
  for (const { file, tests } of suites) {
    for (const [i, test] of tests.entries()) {
      alive()
      const id = `${file} ${i}`
      const from = performance.now()
      stryker().currentTestId = id
      const failure = await failureOf(test, 60_000)
      stryker().currentTestId = undefined
      const cost = performance.now() - from
      const limit = Math.min(20_000, Math.max(2_500, cost * 8))
      if (failure === undefined) trials.push({ id, file, test, limit, cost })
      else console.log(`fails without a mutant: ${test.name}: ${failure}`)
    }
  }
  return trials.sort((a, b) => a.cost - b.cost)
}

/** Tries a mutant on the tests that reach it. `cached`: answers are kept, so everything is loaded anew. */
export async function killerOf(
  mutant: Mutant,
  trials: readonly Trial[],
  mutants: readonly Mutant[],
  cached: boolean,
): Promise<Found> {
  const { static: once = {}, perTest = {} } = stryker().mutantCoverage ?? {}
  const reaching = trials.filter(({ id }) => perTest[id]?.[mutant.id] !== undefined)
  if (cached || reaching.length === 0) {
    if (!cached && once[mutant.id] === undefined) return { verdict: 'uncovered' }
    // What runs when its file is loaded concerns the tests that reach anything else in the file. What
    // is answered from a cache reaches nothing, in a run of all tests.
    const beside = mutants.filter(({ file }) => file === mutant.file)
    const near = trials.filter(({ id }) => beside.some((other) => perTest[id]?.[other.id]))
    const all = new Set([...reaching, ...(cached || near.length === 0 ? trials : near)])
    return { verdict: (await failsAnew(mutant, [...all])) ? 'killed' : 'survived' }
  }
  for (const trial of reaching) {
    stryker().hitCount = 0
    stryker().hitLimit = Math.max(10_000, (perTest[trial.id]?.[mutant.id] ?? 0) * 100)
    stryker().activeMutant = mutant.id
    const failure = await failureOf(trial.test, trial.limit)
    stryker().activeMutant = undefined
    if (failure !== undefined) return { verdict: 'killed', killer: trial }
  }
  return { verdict: 'survived' }
}

/** Whether one of the tests fails when everything is loaded with the mutant. */
async function failsAnew(mutant: Mutant, trials: readonly Trial[]): Promise<boolean> {
  const limits = new Map(trials.map(({ test, limit }) => [test.name, limit]))
  const order = [...limits.keys()]
  vi.resetModules()
  stryker().activeMutant = mutant.id
  stryker().hitCount = 0
  stryker().hitLimit = 1_000_000
  try {
    for (const file of new Set(trials.map(({ file }) => file))) {
      const suite = await load(file)
      let failed = (await around(suite.first)) !== undefined
      const cost = ({ name }: Test): number => order.indexOf(name)
      for (const test of suite.tests.sort((a, b) => cost(a) - cost(b))) {
        const limit = limits.get(test.name)
        if (failed || limit === undefined) continue
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
