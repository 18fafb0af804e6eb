import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { instrument } from './instrument.ts'
import { parts } from './parts.ts'

const root = join(import.meta.dirname, '../..')
const part = parts[process.env.MUTANTS_PART ?? '']
if (part === undefined) throw new TypeError('MUTANTS_PART names no part: run pnpm mutants')
const { texts } = await instrument(root, part.sources)
if (part.asks) {
  const asks = {
    'packages/pg/src/exchange/ask.ts': 'return async (question, values) => {',
    'packages/pg/test/asking.ts': 'this.ask = async (text) => {',
  }
  for (const [name, before] of Object.entries(asks)) {
    const file = join(root, name)
    texts.set(file, askingAfter(texts.get(file) ?? readFileSync(file, 'utf8'), before))
  }
}
const wantsServer = part.served?.some((file) => process.env.MUTANTS_TESTS?.includes(file))
const suite = join(import.meta.dirname, 'suite.ts')
const conditions = ['@reprise/source', 'node', 'development|production']

/** The source of what asks a server, with a word of {@link Switch.asking} in it. */
function askingAfter(source: string, before: string): string {
  if (!source.includes(before)) throw new Error(`nothing begins with '${before}'`)
  const [, names = ''] = /async \((.*)\)/.exec(before) ?? []
  const given = names.includes(',') ? 'asked, given' : 'asked'
  return source.replace(
    before,
    `${before.replace(names, given)}
    const [${names}] = globalThis.__stryker__?.asking?.(${given}) ?? [${given}]`,
  )
}

/** One process that tries mutants: the sources hold all of them, and tests register in a suite. */
export default defineConfig({
  root,
  plugins: [
    {
      name: 'mutants',
      enforce: 'pre',
      resolveId: (id, from) =>
        id === 'vitest' && from !== undefined && !from.startsWith(import.meta.dirname)
          ? suite
          : undefined,
      load: (id) => texts.get(id.split('?', 1)[0] as string),
    },
  ],
  resolve: {
    conditions,
    alias: [{ find: /^@reprise\/(core|pg)$/, replacement: join(root, 'packages/$1/src/index.ts') }],
  },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/mutants/process.ts'],
    pool: 'forks',
    // What other runs have kept holds no mutants.
    fsModuleCache: false,
    testTimeout: 2 ** 31 - 1,
    hookTimeout: 120_000,
    globalSetup: wantsServer ? ['test/shared-server.ts'] : [],
    disableConsoleIntercept: true,
    dangerouslyIgnoreUnhandledErrors: true,
    reporters: [['default', { summary: false }]],
  },
})
