import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { page, read, type Typed, UsageError } from '../lanes/arguments.ts'
import { command } from '../lanes/command.ts'
import { whyNot } from './explained.ts'
import type { Mutant } from './instrument.ts'
import { type Ledger, lastKept, readLedger, writeLedger } from './ledger.ts'
import { parts } from './parts.ts'
import { report, scoresOf } from './report.ts'
import { keepScores, printScores } from './scores.ts'

/** How long one process goes on, and how long a mutant may keep it silent. */
const seconds = 240
const silence = 150_000

const flags = {
  quick: { help: 'no real servers' },
  survivors: { help: 'what survived the last time, and what is new in the files that were tried' },
  resume: { help: 'goes on where it was stopped' },
  once: { help: 'stops after a few minutes' },
  scores: { help: 'prints what is known of each file, and tries nothing' },
  help: { help: 'print this page' },
} as const

const help = `mutants [part …] [file …] [x.test.ts …]: changes the sources in small ways, one at a time, and sees
whether the tests notice. A file narrows its part down to its mutants; of test files, only these run.
Without any: all parts, which are ${Object.keys(parts).join(', ')}.`

await command(async (argv, signal) => {
  // What was being tried is tried again, as it was not the mutant that has ended it.
  signal.addEventListener('abort', () => process.exit(130))
  const isFlag = (arg: string): boolean => arg.startsWith('-')
  const typed = read(argv.filter(isFlag), flags)
  if (typed.help) console.log(page(help, flags))
  else if (typed.scores) printScores()
  else
    await tryAll(
      argv.filter((arg) => !isFlag(arg)),
      typed,
    )
  return 0
})

/** What was found is kept in report/mutants, the scores in scores.json. */
async function tryAll(
  chosen: readonly string[],
  { quick = false, survivors = false, resume = false, once = false }: Typed<typeof flags>,
): Promise<void> {
  const tests = chosen.filter((arg) => arg.endsWith('.test.ts'))
  const files = chosen.filter((arg) => !(arg in parts || tests.includes(arg)))
  const owners = files.map(ownerOf)
  const named = [...chosen.filter((arg) => arg in parts), ...owners]
  for (const [name, part] of Object.entries(parts)) {
    if (chosen.length > tests.length && !named.includes(name)) continue
    const stages = [part.tests, quick ? [] : (part.served ?? [])]
      .map((stage) => stage.filter((test) => tests.length === 0 || tests.includes(test)))
      .filter((stage) => stage.length > 0)
    if (!resume) begin(name, survivors, 0, files)
    await inStages(name, stages, files, once)
    report(readLedger(name))
    if (tests.length === 0) keepScores(scoresOf(readLedger(name)))
  }
}

/** What one stage lets live goes on to the next. */
async function inStages(
  name: string,
  stages: readonly (readonly string[])[],
  files: readonly string[],
  once: boolean,
): Promise<void> {
  let { stage = 0 } = readLedger(name)
  for (; ; stage++) {
    const tests = stages[stage]
    if (tests === undefined) return
    const isOver = (): boolean => readLedger(name).pending?.length === 0
    // What is new since the last time only the first stage finds out.
    for (let over = stage > 0 && isOver(); !over; over = isOver()) {
      await runProcess(name, tests, files)
      if (once) return
    }
    if (stage + 1 < stages.length) begin(name, true, stage + 1, files)
  }
}

/** Leaves in the ledger what is to be tried. */
function begin(name: string, survivors: boolean, stage = 0, files: readonly string[] = []): void {
  const known: Partial<Ledger> = survivors ? readLedger(name) : {}
  const { mutants = [], verdicts = {}, killers = {} } = known
  // What is explained is not tried again: it would meet every test that there is.
  const survived = (mutant: Mutant): boolean =>
    !['killed', undefined].includes(verdicts[mutant.name]) && whyNot(mutant) === undefined
  const isLeft = (mutant: Mutant): boolean =>
    (files.length === 0 || files.includes(mutant.file)) &&
    ((known.pending?.includes(mutant.name) && verdicts[mutant.name] === undefined) ||
      survived(mutant))
  const pending = survivors ? mutants.filter(isLeft).map(({ name }) => name) : undefined
  writeLedger(name, { mutants, verdicts, killers, pending, trying: undefined, stage })
}

async function runProcess(
  name: string,
  tests: readonly string[],
  files: readonly string[],
): Promise<void> {
  // It is watched by when this was written.
  writeLedger(name, readLedger(name))
  const config = ['--config', 'test/mutants/vitest.config.ts']
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...config], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      MUTANTS_PART: name,
      MUTANTS_TESTS: tests.join(' '),
      MUTANTS_FILES: files.join(' '),
      MUTANTS_SECONDS: String(seconds),
    },
  })
  const stop = (): boolean => child.kill('SIGTERM')
  process.once('exit', stop)
  const watch = setInterval(
    () => Date.now() - lastKept(name) > silence && child.kill('SIGKILL'),
    1_000,
  )
  await once(child, 'exit')
  clearInterval(watch)
  process.off('exit', stop)
  const ledger = readLedger(name)
  if (ledger.pending === undefined) throw new Error(`the tests of ${name} could not begin`)
  if (ledger.trying === undefined) return
  // It has taken the process with it.
  ledger.verdicts[ledger.trying] = 'killed'
  const pending = ledger.pending.filter((other) => other !== ledger.trying)
  writeLedger(name, { ...ledger, pending, trying: undefined })
}

function ownerOf(file: string): string {
  const owner = Object.keys(parts).find((name) => parts[name]?.sources.includes(file))
  if (owner === undefined) {
    throw new UsageError(`mutants knows no part or source '${file}': --help lists the parts.`)
  }
  return owner
}
