import { coverage } from './coverage.ts'

// Prints, as Markdown, every page with the test that executes its code.
console.log('| page | pieces of code | executed by | only compiled |\n|---|---|---|---|')
for (const { page, pieces, executed, compiled } of coverage()) {
  const by = [...executed].map(([test, count]) => `${test} (${count})`).join(', ')
  const only =
    compiled.length === 0 ? '' : `${compiled.length}: ${[...new Set(compiled)].join('; ')}`
  console.log(`| ${page} | ${pieces} | ${by} | ${only} |`)
}
