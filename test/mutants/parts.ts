/** Sources that are mutated together, and the tests that have to notice. */
export interface Part {
  /** The sources, by their path from the root. */
  readonly sources: readonly string[]
  /** The test files that want no real server. */
  readonly tests: readonly string[]
  /** Those that do: only what the others have let live meets them. */
  readonly served?: readonly string[]
  /** Whether the sources' answers are kept for longer than a test. */
  readonly cached?: boolean
  /** Whether what they ask a server in SQL is changed as well (`questions.ts`). */
  readonly asks?: boolean
}

const under = (folder: string, names: string): string[] =>
  names.split(' ').map((name) => `${folder}/${name}.ts`)
const tests = (folder: string, names: string): string[] =>
  under(folder, names).map((file) => file.replace(/\.ts$/, '.test.ts'))

const inCore = (names: string): string[] => tests('packages/core/test', names)
const inPg = (names: string): string[] => tests('packages/pg/test', names)

/** The parts by the names that `pnpm mutants` takes. */
export const parts: Readonly<Record<string, Part>> = {
  loss: {
    sources: under(
      'packages/core/src/loss',
      'classify policy sqlstate evidence outcome errors chain diagnose advice',
    ),
    tests: inCore('classify policy sqlstate errors diagnose surfaced'),
  },
  pace: {
    sources: under(
      'packages/core/src/pace',
      'backoff budget deadline gate known-servers suspension',
    ),
    tests: inCore('waiting gate suspension known-servers'),
  },
  judgement: {
    sources: under(
      'packages/core/src/sql',
      'judge judgement query statement state source definition calls',
    ),
    tests: inCore('judge statement source forms policy'),
    cached: true,
  },
  recovery: {
    sources: under(
      'packages/pg/src/recovery',
      'recovery resolve replay proof replication preparation catalog settlement surface account',
    ),
    tests: inPg(
      'wire-recovery wire-loop resolve unwritten wire-autocommit wire-witness wire-transaction wire-hostile',
    ),
    served: inPg(
      'broken commit witness unrefused transaction proof log answer failover ghost token state-unseen causes keep-divergence keep-time',
    ),
  },
  // What is left of a session: no server, so that each mutant costs a second.
  books: {
    sources: under(
      'packages/pg/src/transaction',
      'state state-log pending anchors change setting transaction-end server-errors plan transaction-after session-inquiry session-facts transaction',
    ),
    tests: inPg('session-state state-log pending setting server-errors plan session-inquiry'),
  },
  catalog: {
    sources: [
      ...under(
        'packages/pg/src/catalog',
        'database leaving leaving-tree question reach-question reach read-reach trusted writing',
      ),
      ...under('packages/pg/src/transaction', 'session-inquiry unjudged'),
    ],
    // The catalog's words come from a real server, asked in one transaction after the other.
    tests: inPg('catalog reach-names session-inquiry reach-catalog'),
    served: inPg(
      'reach reach-expressions event-trigger unrefused proof definition state-unseen hidden-write',
    ),
    asks: true,
  },
  keep: {
    sources: under(
      'packages/pg/src/keep',
      'keep-catalog keep-default keep-insert keep-label keep-rewrite keep-rows keep-scope keep-sight keep-time keep-value order parser tree',
    ),
    tests: inPg('keep-rewrite keep-scope keep-default keep-parser keep-catalog keep-sight-catalog'),
    served: inPg(
      'keep-label keep-returning keep-time keep-divergence keep-number keep-schemas keep-sight keep-unseen answer',
    ),
    asks: true,
  },
  // Only whole replays come by it.
  keeper: {
    sources: under('packages/pg/src/keep', 'keep'),
    tests: inPg('keep-scoped keep-returning keep-time keep-divergence keep-number keep-unseen'),
    served: inPg('keep-sight keep-schemas'),
  },
  link: {
    sources: under('packages/pg/src/link', 'probe reconnect link watch waiting'),
    tests: inPg('wire-probe watch reconnect wire-patience wire-connect wire-recovery'),
  },
}
