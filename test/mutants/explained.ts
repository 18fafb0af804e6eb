import type { Mutant } from './instrument.ts'

/**
 * Mutants that no test has to notice, and why: `what is written => what a mutant makes of it`, or what
 * all of them match with their kind before that.
 */
export type Explanation = readonly [change: string | RegExp, why: string]

const halted =
  'another rule decides: the wait that follows is over before it begins, for the same reason'
const nothingElse = 'nothing else is known to be thrown'

/** Of whatever looks through a tree: in the parts that rewrite, what throws makes no rewrite. */
const ofTrees: readonly Explanation[] = [
  [
    /^OptionalChaining: /,
    'types want it: what is looked for there is there, by what was looked at before',
  ],
  ['[] => ["Stryker was here"]', 'a text in the place of a node has nothing in it'],
  [`'' => "Stryker was here!"`, 'types want it, and neither is a name'],
]

const half = 'another rule decides: it throws, and half a rewrite is none'

/** Of questions in SQL. */
const ofQuestions: readonly Explanation[] = [
  [/^Sql: \w*(oid|class) >= 16384( AND)? => /, 'cost alone: what initdb made does nothing of it'],
  [/^Sql: AND e\.classid = /, 'more careful, if at all: ids of two catalogs hardly meet'],
]

/** The survivors of pg/src/keep. */
const ofKeep: Readonly<Record<string, readonly Explanation[]>> = {
  'keep-catalog': [
    ...ofQuestions,
    [/^Sql: c\.relkind OPERATOR/, 'cost alone: what is no table is not looked for'],
    [/^Sql: UNION .* castfunc/, 'no type can be cast by one of these, but to what has such a cast'],
    [/^Sql: AND NOT EXISTS \(SELECT FROM pg_depend e/, 'more careful: nothing is kept'],
    ['names === undefined => false', 'types want it: where there is one row there are two'],
    ['expression === null => false', 'cost alone: of nothing the parser finds no call'],
    ['calls++ => calls--', 'it matters whether there were none'],
    ['{ return undefined } => {}', 'it is the same'],
  ],
  'keep-default': [['relation === undefined => false', 'types want it: it has no name, either']],
  'keep-insert': [
    ['rows === undefined => false', half],
    ['relation === undefined => false', half],
    ['item === undefined => false', 'types want it: what is not there is left to the database'],
    ['at === undefined => false', 'types want it: there is no value under undefined'],
    ['at < 0 => false', 'there is no value before the first'],
    ['of !== undefined => true', 'types want it: undefined is no name'],
  ],
  'keep-label': [
    [
      /: (node|kind|name|guess|instead) === undefined/,
      'types want it: what is not there has no name',
    ],
    [/: (default:|case 'CollateClause':) return/, 'what comes next says the same'],
  ],
  'keep-rewrite': [['target === undefined => false', half]],
  'keep-rows': [
    [/: lists === undefined|: first === undefined/, half],
    ['select !== undefined => true', half],
    [/: (left && right|larg !== undefined|rarg !== undefined) => /, half],
    ['at < 0 => false', 'there is no item before the first'],
    [/^LogicalOperator: left && right/, half],
    [
      '{ val: empty } => {}',
      'the server refuses DEFAULT there as it refuses nothing: a row that was not answered diverges',
    ],
  ],
  'keep-scope': [
    [
      /^ConditionalExpression: case 'state': return true/,
      'the next says the same of whatever is no DECLARE',
    ],
    [`typeof value === 'string' => true`, 'types want it: null is no instant'],
  ],
  'keep-sight': [[`typeof relname === 'string' => true`, 'types want it: undefined is no name']],
  'keep-value': [
    [`'drawn' => ""`, 'it only matters that it is no number'],
    [/: cast\?\.TypeCast === undefined => false$/, half],
    [
      /: (node === undefined|label === undefined|node === undefined \|\| label === undefined) => false$|^LogicalOperator: node ===/,
      'types want it: PostgreSQL reads its own types, and a call has a name',
    ],
    ['false => true', 'the same'],
  ],
  parser: [
    ['error === 0 => true', 'what could not be read has no tree'],
    [/^OptionalChaining: /, 'types want it: it is there, or what throws reads nothing'],
    ['{ return undefined } => {}', 'it is the same'],
  ],
  keep: [
    [/: (oid > 0|\[\.\.\.oids\]\.filter\(.*) => /, 'cost alone: no table has the number 0'],
    ['known !== undefined => true', 'types want it: undefined has no such form'],
    [
      'known !== undefined && instantForm.test(known) => known !== undefined || instantForm.test(known)',
      'only a clock behind the year 9999 is written otherwise',
    ],
    ['!timed => false', 'cost alone: the catalog is asked once more'],
    [
      'instant === undefined => false',
      'where there is no time nothing is replaced by it, and none is kept',
    ],
    [`'' => "Stryker was here!"`, 'types want it: what was sent has a text'],
    ['exchange.error !== undefined => false', 'more careful: nothing is kept'],
    ['this.#keptTime || this.#keptSerial => true', 'cost alone: it is asked, and has kept nothing'],
    ['this.#rewrites.delete(original) => ;', 'cost alone: memory'],
    ['this.#rewrites.delete(exchange) => ;', 'cost alone: memory'],
    ['this.#rewrites.set(exchange, rewrite) => ;', 'cost alone: it is read once more'],
    ['this.#blind.set(text, blind) => ;', 'cost alone: it is read once more'],
    ['blind === undefined => true', 'cost alone: it is read once more'],
    [/^StringLiteral: 'the transaction was replayed with the numbers/, 'words alone'],
  ],
  ...{ 'keep-time': [], order: [], tree: [] },
}

/** The survivors of each file, explained. */
const explained: Readonly<Record<string, readonly Explanation[]>> = {
  'packages/core/src/loss/advice.ts': [
    [/=== undefined => false$/, 'types want it: a table has nothing under undefined'],
  ],
  'packages/core/src/loss/chain.ts': [
    ['[] => ["Stryker was here"]', 'a text is no error, and passed over at the next level'],
    ['{ return undefined } => {}', 'it is the same'],
  ],
  'packages/core/src/loss/classify.ts': [
    [
      /status === 'I' => true$/,
      'the row "open transaction" has taken every other status, but for what can commit, which these rows leave out',
    ],
    [
      /: e\.status === 'I' && e\.statement\.count > 1 => /,
      'the same, and "autocommit statement failed" has taken what is one statement',
    ],
    [
      /: e\.statement\.count > 1 => /,
      '"autocommit statement failed" has taken what is one statement',
    ],
    [/^OptionalChaining: /, 'types want it: isGenuine() has seen that it is there'],
    [`'' => "Stryker was here!"`, 'neither is the code of a condition'],
  ],
  'packages/core/src/loss/diagnose.ts': [
    [/^OptionalChaining: /, 'types want it: something else was found, or it is there'],
    [`'' => "Stryker was here!"`, 'neither is the code of a condition'],
    ['[] => ["Stryker was here"]', 'neither is a code that says anything'],
    [`'rolled-back' => ""`, 'the advice for a divergence asks for no outcome'],
    [/: '(ECONNRESET|ETIMEDOUT)' => ""$/, 'it only matters that the socket was not refused'],
  ],
  'packages/core/src/loss/evidence.ts': [
    [/^OptionalChaining: /, 'types want it: isGenuine() has seen that it is there'],
    [`'' => "Stryker was here!"`, 'neither is a code in the table'],
  ],
  'packages/core/src/pace/budget.ts': [
    [
      /: this\.#balance < this\.#capacity => /,
      'cost alone: Math.min() keeps it within the capacity',
    ],
  ],
  'packages/core/src/pace/deadline.ts': [
    ['left <= 1 => left < 1', 'a timer that is early by so much rings, or is set once more'],
  ],
  'packages/core/src/pace/gate.ts': [
    [/^OptionalChaining: /, 'types want it: whoever is looked for is there'],
    [/^EqualityOperator: .*performance\.now\(\) => .*>= /, 'no clock shows the same instant twice'],
    ['said === undefined => false', 'what nobody said makes no number, and none is no wait'],
  ],
  'packages/core/src/pace/known-servers.ts': [
    [
      '[] => ["Stryker was here"]',
      'between the end of a server and the end of its entry: no test can come in',
    ],
  ],
  'packages/core/src/pace/suspension.ts': [
    [
      '[] => ["Stryker was here"]',
      'it has no end and no length, so it adds nothing, and is the first to go',
    ],
    ['end > then => end >= then', 'then nothing of it is added'],
  ],
  'packages/pg/src/recovery/recovery.ts': [
    [/^ObjectLiteral: \{ do: 'surface', reason: session\.link\.halted \}/, halted],
    [`'surface' => ""`, halted],
    ['work.losses - 1 => work.losses + 1', 'cost alone: how a pause grows'],
    [`verdict.do === 'repeat' => true`, 'types want it: no other verdict is guarded'],
    [
      'work.submitted => true',
      'work that is performed is sent, or its connection has ended between two looks',
    ],
    [/^OptionalChaining: /, 'types want it: isGenuine() has seen that it is there'],
    ['error instanceof Interrupted => true', nothingElse],
    [/^ObjectLiteral: \{ next: 'surface', reason: 'refused', cause: error \}/, nothingElse],
    [`'refused' => ""`, nothingElse],
    [`'the connection was closed' => ""`, 'words alone, where pg gives no error of its own'],
  ],
  'packages/pg/src/recovery/resolve.ts': [
    ['tries++ => tries--', 'cost alone: how a pause grows'],
    [/fullJitter|\{ base: 5, cap: 100 \}/, 'cost alone: how long a pause is'],
    ['[] => ["Stryker was here"]', 'a server without an answer is none that is known either way'],
  ],
  'packages/pg/src/recovery/account.ts': [
    [
      `loss.condition === 'connection_failure' => true`,
      'conflict.test.ts notices it, which takes minutes and is not run here',
    ],
  ],
  'packages/pg/src/recovery/proof.ts': [
    [`'' => "Stryker was here!"`, 'neither is a tag that counts no rows'],
    [
      'tape.length === 0 => false',
      'another rule decides: a tape that is provable has on it what opened it',
    ],
    [
      /^ObjectLiteral: \{ \.\.\.settings, witness: 'off' \}|^StringLiteral: 'off'/,
      'cost alone: a witness that nobody asks',
    ],
    [
      'copy.refusal !== undefined => false',
      'values are frozen: what pg could write once it can write again',
    ],
  ],
  'packages/pg/src/recovery/preparation.ts': [
    [
      `verdict.do === 'repeat' => true`,
      'types want it: no other verdict asks whether the server is up',
    ],
    [`'send' => ""`, 'what is neither of the others is sent'],
    [
      'transaction !== undefined => true',
      'types want it: only the COMMIT of a transaction is proved',
    ],
    [
      'connection.backend !== undefined => true',
      'types want it: who does not say who he is leaves it in doubt either way',
    ],
  ],
  'packages/pg/src/recovery/replication.ts': [
    [
      '[] => ["Stryker was here"]',
      'a server without an answer says no more than one with a wrong one',
    ],
  ],
  'packages/pg/src/recovery/replay.ts': [
    [/^OptionalChaining: /, 'types want it: who kept a time has a parser, and so has this process'],
    ['copy.trim() => copy', 'cost alone: the memory of a tape'],
    [
      'copy.refusal !== undefined => false',
      'another rule decides: what was not sent has no tag, and its answer is another',
    ],
  ],
  'packages/pg/src/catalog/reach-question.ts': [
    ...ofQuestions,
    [/^Sql: NOT tgisinternal => true$/, 'cost alone: it is read once more'],
  ],
  'packages/pg/src/catalog/leaving-tree.ts': [
    [/^OptionalChaining: |^StringLiteral: '' /, 'types want it: the function has three arguments'],
    [/: found\.length < 3|: i < tree\.length && found/, 'cost alone: nobody looks at a fourth'],
    ['i < tree.length => i <= tree.length', 'cost alone: there is nothing behind its end'],
  ],
  'packages/pg/src/catalog/leaving.ts': [
    ['/\\s+/ => /\\s/', 'the words have one space or one line between them'],
    [/^StringLiteral: '\(set_config\|/, 'cost alone: more sources are judged closer'],
    [`'(?!)' => ""`, 'cost alone: more sources are judged closer'],
    ['false => true', 'to read a foreign table is judged to leave nothing'],
  ],
  'packages/pg/src/catalog/read-reach.ts': [
    [/performance\.now\(\)/, 'cost alone: how often others have their turn'],
    ['[] => ["Stryker was here"]', 'what is no row, and no oid, is none that is looked for'],
    ['code !== undefined => false', 'another rule decides: a server that refuses gives no rows'],
    [
      'reached.code !== undefined => false',
      'another rule decides: a server that refuses gives no rows',
    ],
    [`kind !== 'f' => false`, 'a relation has no source, and leaves nothing by it'],
    [`'' => "Stryker was here!"`, 'neither is a source that leaves anything'],
    [
      /^(OptionalChaining|Regex): \/\^\\\{/,
      'types want it: it is an array, as the question makes it',
    ],
  ],
  'packages/pg/src/transaction/unjudged.ts': [
    [/longest/, 'cost alone: how long a text is searched for names'],
    [
      /: text !== known\.ran\.text => true$|: known !== undefined && text !== known\.ran\.text => true$/,
      'cost alone: the same names are found twice',
    ],
    [
      'known === undefined => true',
      'cost alone: the later of two that are one takes the place of the first',
    ],
    ['[] => ["Stryker was here"]', 'a value that is no name'],
    [`'' => "Stryker was here!"`, 'neither has a name in it'],
  ],
  ...Object.fromEntries(
    Object.entries(ofKeep).map(([name, list]) => [
      `packages/pg/src/keep/${name}.ts`,
      [...list, ...ofTrees],
    ]),
  ),
}

/** Why a mutant need not be noticed; undefined where nothing says so. */
export function whyNot({ file, kind, was, is }: Mutant): string | undefined {
  const change = `${was} => ${is}`
  const found = explained[file]?.find(([each]) =>
    typeof each === 'string' ? each === change : each.test(`${kind}: ${change}`),
  )
  return found?.[1]
}
