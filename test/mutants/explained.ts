import type { Mutant } from './instrument.ts'

/** A mutant that no test has to notice, `what is written => what the mutant makes of it`, and why. */
export type Explanation = readonly [change: string | RegExp, why: string]

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
      /^e\.status === 'I' && e\.statement\.count > 1 => /,
      'the same, and "autocommit statement failed" has taken what is one statement',
    ],
    [
      /^e\.statement\.count > 1 => /,
      '"autocommit statement failed" has taken what is one statement',
    ],
    [/^notice\?\.routine/, 'types want it: isGenuine() has seen that it is there'],
    [`'' => "Stryker was here!"`, 'neither is the code of a condition'],
  ],
  'packages/core/src/loss/diagnose.ts': [
    [/^ours\?\./, 'types want it: something else was found, or it is there'],
    [`'' => "Stryker was here!"`, 'neither is the code of a condition'],
    ['[] => ["Stryker was here"]', 'neither is a code that says anything'],
    [`'rolled-back' => ""`, 'the advice for a divergence asks for no outcome'],
    [/^'(ECONNRESET|ETIMEDOUT)' => ""$/, 'it only matters that the socket was not refused'],
  ],
  'packages/core/src/loss/evidence.ts': [
    [/^report\?\./, 'types want it: isGenuine() has seen that it is there'],
    [`'' => "Stryker was here!"`, 'neither is a code in the table'],
  ],
}

/** Why a mutant need not be noticed; undefined where nothing says so. */
export function whyNot({ file, was, is }: Mutant): string | undefined {
  const change = `${was} => ${is}`
  const found = explained[file]?.find(([each]) =>
    typeof each === 'string' ? each === change : each.test(change),
  )
  return found?.[1]
}
