import { pages, snippetsOf } from './snippets.ts'

/** The test that runs what says of itself that it is a program. */
const own = 'test/docs.test/snippets.test.ts'

/** Pieces that a test of their own runs, by their page and their place among the pieces of it, from 1. */
const elsewhere: Readonly<Record<string, string>> = {
  'packages/core/README.md 1': 'packages/core/test/readme.test.ts',
  'packages/core/README.md 2': 'packages/core/test/readme.test.ts',
  'packages/drill/README.md 1': 'packages/drill/test/readme.test.ts',
  'packages/kysely/README.md 1': 'packages/kysely/test/readme.test.ts',
  'packages/mikro-orm/README.md 1': 'packages/mikro-orm/test/readme.test.ts',
  'packages/opentelemetry/README.md 1': 'packages/opentelemetry/test/metrics.test.ts',
  'packages/opentelemetry/README.md 2': 'packages/opentelemetry/test/metrics.test.ts',
  'packages/pg/README.md 1': 'packages/pg/test/readme.test.ts',
  'packages/pg/README.md 3': 'packages/pg/test/hosts.test.ts',
  'packages/prisma/README.md 1': 'packages/prisma/test/readme.test.ts',
  'packages/typeorm/README.md 1': 'packages/typeorm/test/readme.test.ts',
}

/** Pieces that are only compiled, and what runs the like of them. */
const compiledOnly: Readonly<Record<string, string>> = {
  'docs/recipes/nestjs.md 1':
    'decorators, which Node does not strip: packages/typeorm/test/nest.test.ts and examples/nest/test',
  'docs/recipes/nestjs.md 2':
    'decorators, which Node does not strip: packages/mikro-orm/test/nest.test.ts',
  'docs/recipes/nestjs.md 3':
    'decorators, which Node does not strip: packages/typeorm/test/nest.test.ts and examples/nest/test',
  'docs/recipes/nextjs.md 1': 'a configuration of Next: `fixtures --only next`',
}

/** A page, and what runs or compiles the code on it. */
export interface Covered {
  readonly page: string
  /** How many pieces of TypeScript and JavaScript it has. */
  readonly pieces: number
  /** The tests that execute some of them, each with how many. */
  readonly executed: ReadonlyMap<string, number>
  /** Those that are only compiled, each with the reason. */
  readonly compiled: readonly string[]
  /** Those of which nobody has said why they are not executed. */
  readonly forgotten: readonly string[]
}

/** Every page with what runs its code. */
export function coverage(): Covered[] {
  return pages.map((page) => {
    const executed = new Map<string, number>()
    const compiled: string[] = []
    const forgotten: string[] = []
    const snippets = snippetsOf(page)
    for (const [at, { runs }] of snippets.entries()) {
      const name = `${page} ${at + 1}`
      const test = runs ? own : elsewhere[name]
      if (test !== undefined) executed.set(test, (executed.get(test) ?? 0) + 1)
      else if (compiledOnly[name] !== undefined) compiled.push(compiledOnly[name])
      else forgotten.push(name)
    }
    return { page, pieces: snippets.length, executed, compiled, forgotten }
  })
}

/** What is said above of pieces that are not there, or that say it themselves. */
export function stale(): string[] {
  const there = new Map(
    pages.flatMap((page) => snippetsOf(page).map(({ runs }, at) => [`${page} ${at + 1}`, runs])),
  )
  return [...Object.keys(elsewhere), ...Object.keys(compiledOnly)].filter(
    (name) => there.get(name) !== false,
  )
}
