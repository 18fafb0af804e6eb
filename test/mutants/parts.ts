/** Sources that are mutated together, and the tests that have to notice. */
export interface Part {
  /** The sources, by their path from the root. */
  readonly sources: readonly string[]
  /** The test files. */
  readonly tests: readonly string[]
  /** Whether the tests want the shared server. */
  readonly served: boolean
}

const under = (folder: string, names: string): string[] =>
  names.split(' ').map((name) => `${folder}/${name}.ts`)
const tests = (folder: string, names: string): string[] =>
  under(folder, names).map((file) => file.replace(/\.ts$/, '.test.ts'))

const wire = tests(
  'packages/pg/test',
  'wire-autocommit wire-witness wire-transaction wire-hostile broken commit witness unrefused',
)

/** The parts by the names that `pnpm mutants` takes. */
export const parts: Readonly<Record<string, Part>> = {
  loss: {
    sources: under('packages/core/src/loss', 'classify policy sqlstate evidence outcome'),
    tests: tests('packages/core/test', 'classify policy sqlstate errors'),
    served: false,
  },
  judgement: {
    sources: under('packages/core/src/sql', 'judge judgement statement state'),
    tests: tests('packages/core/test', 'judge statement classify policy'),
    served: false,
  },
  recovery: {
    sources: under(
      'packages/pg/src/recovery',
      'recovery resolve replay proof replication preparation catalog',
    ),
    tests: [
      ...tests('packages/pg/test', 'wire-recovery resolve'),
      ...wire,
      ...tests('packages/pg/test', 'transaction hidden-write'),
    ],
    served: true,
  },
  // What is left of a session: no server, so that each mutant costs a second.
  books: {
    sources: under(
      'packages/pg/src/transaction',
      'state state-log pending anchors change setting transaction-end server-errors plan transaction-after session-inquiry session-facts transaction',
    ),
    tests: tests(
      'packages/pg/test',
      'session-state state-log pending setting server-errors plan session-inquiry',
    ),
    served: false,
  },
  link: {
    sources: under('packages/pg/src/link', 'probe reconnect link watch waiting'),
    tests: tests(
      'packages/pg/test',
      'wire-probe watch reconnect wire-patience wire-connect wire-recovery',
    ),
    served: false,
  },
}
