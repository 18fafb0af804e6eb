import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { parts } from './parts.ts'

const root = join(import.meta.dirname, '../..')
const { served = false } = parts[process.env.MUTANTS_PART ?? ''] ?? {}
const tests = process.env.MUTANTS_TESTS?.split(' ') ?? []
const conditions = ['@reprise/source', 'node', 'development|production']

/** What Stryker runs in its copy of the repository: the tests of one part, as one project. */
export default defineConfig({
  root,
  resolve: {
    conditions,
    // The links in node_modules lead out of the copy, to sources that are not mutated.
    alias: [{ find: /^@reprise\/(core|pg)$/, replacement: join(root, 'packages/$1/src/index.ts') }],
  },
  ssr: { resolve: { conditions } },
  test: {
    include: tests,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: served ? ['test/shared-server.ts'] : [],
    setupFiles: ['test/mutants/setup.ts'],
    reporters: [],
  },
})
