/** Sources that are mutated together, and the tests that have to notice. */
export interface Part {
  /** The sources, by their path from the root. */
  readonly sources: readonly string[]
  /** The test files. */
  readonly tests: readonly string[]
  /** Whether the tests want the shared server. */
  readonly served: boolean
  /** Whether the sources' answers are kept for longer than a test. */
  readonly cached?: boolean
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
    sources: under(
      'packages/core/src/sql',
      'judge judgement statement state source definition calls',
    ),
    tests: tests('packages/core/test', 'judge statement source forms policy'),
    served: false,
    cached: true,
  },
  recovery: {
    sources: under(
      'packages/pg/src/recovery',
      'recovery resolve replay proof replication preparation catalog settlement surface account',
    ),
    tests: [
      ...tests('packages/pg/test', 'wire-recovery resolve'),
      ...wire,
      ...tests(
        'packages/pg/test',
        'transaction hidden-write proof keep-divergence keep-returning keep-sight keep-time',
      ),
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
  catalog: {
    sources: [
      ...under(
        'packages/pg/src/catalog',
        'database leaving question reach-question reach read-reach trusted writing',
      ),
      ...under('packages/pg/src/transaction', 'session-inquiry unjudged'),
    ],
    tests: tests(
      'packages/pg/test',
      'catalog reach-names session-inquiry reach unrefused proof definition state-unseen hidden-write',
    ),
    served: true,
  },
  keep: {
    sources: under(
      'packages/pg/src/keep',
      'keep-catalog keep-default keep-insert keep-label keep-rewrite keep-rows keep-scope keep-sight keep-time keep-value keep order parser tree',
    ),
    tests: tests(
      'packages/pg/test',
      'keep-divergence keep-number keep-parser keep-returning keep-schemas keep-sight keep-time',
    ),
    served: true,
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
