import { Stryker } from '@stryker-mutator/core'
import { parts } from './parts.ts'

/**
 * Changes the sources in small ways, one at a time, and sees whether the tests notice.
 *
 * `pnpm mutants [part …] [file …]`: the named parts, all of them by default; a file (or
 * `file:from-to`, in lines) narrows its part down, and test files (`….test.ts`) say which of the
 * part's tests to run. Reports go to report/mutants.
 */
async function main(args: readonly string[]): Promise<void> {
  const named = args.filter((arg) => arg in parts)
  const tests = args.filter((arg) => arg.endsWith('.test.ts'))
  const files = args.filter((arg) => !(arg in parts || tests.includes(arg)))
  for (const file of files) {
    if (partOf(file) === undefined) throw new TypeError(`'${file}' is neither a part nor in one`)
  }
  for (const [name, part] of Object.entries(parts)) {
    const chosen = files.filter((file) => partOf(file) === name)
    const all = named.length === 0 && files.length === 0
    if (!all && chosen.length === 0 && !named.includes(name)) continue
    process.env.MUTANTS_TESTS = part.tests
      .filter((test) => tests.length === 0 || tests.includes(test))
      .join(' ')
    await run(name, chosen.length > 0 ? chosen : part.sources)
  }
}

function partOf(file: string): string | undefined {
  const path = file.replace(/:.*/, '')
  return Object.keys(parts).find((name) => parts[name]?.sources.includes(path))
}

async function run(name: string, mutate: readonly string[]): Promise<void> {
  process.env.MUTANTS_PART = name
  const { served = false } = parts[name] ?? {}
  const report = `report/mutants/${name}`
  await new Stryker({
    mutate: [...mutate],
    plugins: ['@stryker-mutator/vitest-runner'],
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutants/vitest.config.ts', related: false, pool: 'forks' },
    coverageAnalysis: 'perTest',
    // Nothing in a copy is compiled.
    tsconfigFile: 'none',
    disableTypeChecks: false,
    concurrency: Number(process.env.MUTANTS_CONCURRENCY ?? 2),
    // A test that waits for a condition waits in vain for half a minute.
    timeoutMS: served ? 40_000 : 5_000,
    dryRunTimeoutMinutes: 10,
    reporters: ['progress-append-only', 'clear-text', 'json', 'html'],
    clearTextReporter: { logTests: false, allowColor: false, skipFull: true },
    jsonReporter: { fileName: `${report}.json` },
    htmlReporter: { fileName: `${report}.html` },
    tempDirName: '.stryker-tmp',
    allowEmpty: false,
  }).runMutationTest()
}

await main(process.argv.slice(2))
