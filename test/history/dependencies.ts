import { type Lists, writersOf } from './elements.ts'
import type { Transaction } from './transaction.ts'

/**
 * How one transaction depends on another: it appended behind it (`ww`), read what it had appended
 * (`wr`), or appended behind what the other had read (`rw`).
 */
export type Dependency = 'ww' | 'wr' | 'rw'

/** Who depends on whom: by the id of the earlier, those of the later with how. */
export type Dependencies = ReadonlyMap<number, ReadonlyMap<number, ReadonlySet<Dependency>>>

/** The dependencies between transactions that took place. */
export function dependenciesOf(history: readonly Transaction[], lists: Lists): Dependencies {
  const writers = writersOf(history)
  const edges = new Map<number, Map<number, Set<Dependency>>>()
  const depend = (before: number | undefined, after: number | undefined, how: Dependency): void => {
    if (before === undefined || after === undefined || before === after) return
    const those = edges.get(before) ?? new Map<number, Set<Dependency>>()
    edges.set(before, those.set(after, (those.get(after) ?? new Set()).add(how)))
  }
  const writer = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : writers.get(value)?.id
  for (const values of lists.values()) {
    for (const [at, value] of values.entries()) {
      if (at > 0) depend(writer(values[at - 1]), writer(value), 'ww')
    }
  }
  for (const { id, end, steps } of history) {
    // The client of one that is in doubt was told nothing that counts.
    if (end !== 'committed') continue
    for (const step of steps) {
      if (step.is === 'append') continue
      const { key, values } = step
      depend(writer(values.findLast((value) => writer(value) !== id)), id, 'wr')
      const order = lists.get(key) ?? []
      const next = order.slice(values.length).find((value) => writer(value) !== id)
      depend(id, writer(next), 'rw')
    }
  }
  return edges
}
