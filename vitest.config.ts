import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

/** `@reprise/*` means the sources, in Vite and (Vitest hands these on) in the forks' Node. */
const conditions = ['@reprise/source', 'node', 'development|production']

/** A project whose tests need no server, or start their own. */
const alone = (name: string, include: string): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, include: [include] },
})

/** A project whose tests share the one server: `inject('serverUrl')`. */
const served = (name: string, include: string): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, include: [include], globalSetup: ['test/shared-server.ts'] },
})

const inside = (folder: string): string[] => readdirSync(join(import.meta.dirname, folder)).sort()

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/reporter.ts'],
    projects: [
      alone('house', 'test/*.test.ts'),
      alone('core', 'packages/core/test/**/*.test.ts'),
      // pg and the doors
      ...inside('packages')
        .filter((name) => name !== 'core')
        .map((name) => served(name, `packages/${name}/test/**/*.test.ts`)),
      // test/kit.test holds the tests of test/kit, and so on
      ...inside('test')
        .filter((name) => name.endsWith('.test'))
        .map((name) => alone(name.slice(0, -'.test'.length), `test/${name}/**/*.test.ts`)),
      served('cases', 'test/cases/**/*.test.ts'),
      alone('nest', 'examples/nest/test/*.test.ts'),
    ],
  },
})
