import type { Mutant } from './instrument.ts'

/** A mutant that no test has to notice, `what is written => what the mutant makes of it`, and why. */
export type Explanation = readonly [change: string | RegExp, why: string]

/** The survivors of each file, explained. */
const explained: Readonly<Record<string, readonly Explanation[]>> = {}

/** Why a mutant need not be noticed; undefined where nothing says so. */
export function whyNot({ file, was, is }: Mutant): string | undefined {
  const change = `${was} => ${is}`
  const found = explained[file]?.find(([each]) =>
    typeof each === 'string' ? each === change : each.test(change),
  )
  return found?.[1]
}
