import { cyclesIn } from './cycles.ts'
import { dependenciesOf } from './dependencies.ts'
import { judgeLists, judgeReads, type Lists } from './elements.ts'
import type { Anomaly, Transaction } from './transaction.ts'

/** The isolation levels that PostgreSQL has. */
export const isolations = ['read committed', 'repeatable read', 'serializable'] as const

export type Isolation = (typeof isolations)[number]

/** What PostgreSQL lets happen at a level; REPEATABLE READ is snapshot isolation there. */
const allowed: Readonly<Record<Isolation, readonly Anomaly['kind'][]>> = {
  'read committed': ['G-single', 'G2'],
  'repeatable read': ['G2'],
  serializable: [],
}

/**
 * Checks what clients know of their list-append transactions, as Elle does (Kingsbury and Alvaro,
 * 2020): the order of a list is that of its elements, so each dependency is known.
 *
 * @param lists all lists, read when nothing was running any more
 * @returns what may not happen at this level
 */
export function check(
  history: readonly Transaction[],
  lists: Lists,
  isolation: Isolation,
): Anomaly[] {
  const found = [
    ...judgeLists(history, lists),
    ...judgeReads(history, lists),
    ...cyclesIn(dependenciesOf(history, lists)),
  ]
  return found.filter(({ kind }) => !allowed[isolation].includes(kind))
}
