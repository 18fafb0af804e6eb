import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'vitest'
import { instrument, type Mutant } from './instrument.ts'
import { killerOf, reachOf, trialsOf } from './killer.ts'
import { readLedger, writeLedger } from './ledger.ts'
import { parts } from './parts.ts'
import { allSql } from './questions.ts'
import { mark, readReach, writeReach } from './reach.ts'
import { changeQuestions, sqlMutants } from './sql-mutants.ts'
import type { Suite } from './suite.ts'
import { around, failureOf, load } from './trial.ts'

// The same few runs every time, so that a verdict is no matter of luck.
fc.configureGlobal({ numRuns: 20, seed: 1 })
// What a mutant leaves behind it may fail anywhere; the tests tell by what they wait for.
process.on('unhandledRejection', () => undefined)
process.on('uncaughtException', () => undefined)

const root = join(import.meta.dirname, '../..')
const part = process.env.MUTANTS_PART as string
const files = (process.env.MUTANTS_TESTS as string).split(' ')
const chosen = (process.env.MUTANTS_FILES as string).split(' ')
const isChosen = ({ file }: Mutant): boolean => chosen[0] === '' || chosen.includes(file)
const isTried = ({ name }: Mutant): boolean => ledger.verdicts[name] !== undefined
const { performance } = globalThis
const end = performance.now() + Number(process.env.MUTANTS_SECONDS) * 1000
const ledger = readLedger(part)

/** Tries the mutants that are pending, as long as there is time and nothing has been left broken. */
test(part, async () => {
  const suites: Suite[] = []
  for (const file of files) suites.push(await load(file))
  const { sources = [], cached = false, asks = false } = parts[part] ?? {}
  const { mutants: ofSources, texts } = await instrument(root, sources)
  const ofQuestions = asks ? await sqlMutants(sources) : []
  changeQuestions(ofQuestions)
  // What is sent is changed bit by bit: without all of a template no server takes it.
  const isSent = ({ file, kind, was }: Mutant): boolean =>
    ofQuestions.some((each) => each.file === file) &&
    (was.startsWith('`') || (kind === 'StringLiteral' && allSql.has(file)))
  const mutants = [...ofSources.filter((mutant) => !isSent(mutant)), ...ofQuestions]
  const names = new Set(mutants.map(({ name }) => name))
  // What has gone since is left alone.
  ledger.pending = ledger.pending?.filter((name) => names.has(name))
  ledger.pending ??= mutants.filter(isChosen).map(({ name }) => name)
  // What has come since, in files that were tried.
  const tried = new Set(ledger.mutants.filter(isTried).map(({ file }) => file))
  const isNew = (mutant: Mutant): boolean =>
    tried.has(mutant.file) && !isTried(mutant) && !ledger.pending?.includes(mutant.name)
  ledger.pending.push(
    ...mutants
      .filter(isChosen)
      .filter(isNew)
      .map(({ name }) => name),
  )
  ledger.mutants = mutants
  const alive = (): void => writeLedger(part, ledger)
  const known = mark(files, texts)
  const reach = readReach(part, known) ?? (await reachOf(suites, alive))
  writeReach(part, known, reach)
  const trials = trialsOf(suites, reach)
  if (reach.every(({ hits }) => Object.keys(hits).length === 0)) {
    throw new Error('no test comes by a mutant')
  }
  // Suspects first, and what everything has to be loaded anew for last.
  const isStatic = ({ id }: Mutant): boolean => !trials.some(({ reached }) => reached.hits[id])
  const turn = (mutant: Mutant): number =>
    ledger.verdicts[mutant.name] === 'suspect' ? 0 : isStatic(mutant) ? 2 : 1
  const pending = mutants
    .filter(({ name }) => ledger.pending?.includes(name))
    .map((mutant) => ({ mutant, at: turn(mutant) }))
    .sort((a, b) => a.at - b.at)
    .map(({ mutant }) => mutant)
  for (const [i, mutant] of pending.entries()) {
    if (performance.now() > end) break
    ledger.trying = mutant.name
    alive()
    const found = await killerOf(mutant, {
      trials,
      mutants,
      cached,
      killers: ledger.killers,
      alive,
    })
    ledger.trying = undefined
    const { killer } = found
    const broken = killer && (await failureOf(killer.test, killer.limit * 2)) !== undefined
    const { verdict } = found
    // What other tests came by, and let live, is not uncovered.
    const lived = verdict === 'uncovered' && ledger.verdicts[mutant.name] === 'survived'
    ledger.verdicts[mutant.name] = broken && i > 0 ? 'suspect' : lived ? 'survived' : verdict
    if (killer) ledger.killers[mutant.name] = killer.test.name
    if (broken && i > 0) break
    ledger.pending = ledger.pending?.filter((name) => name !== mutant.name)
    if (broken) break
  }
  alive()
  for (const { opened, last } of suites) if (opened) await around(last)
})
