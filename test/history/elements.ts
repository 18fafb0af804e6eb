import type { Anomaly, Transaction } from './transaction.ts'

/** The order of a key's elements: that of the list as it was at the end. */
export type Lists = ReadonlyMap<number, readonly number[]>

/** Who appended each value. */
export function writersOf(history: readonly Transaction[]): ReadonlyMap<number, Transaction> {
  const writers = new Map<number, Transaction>()
  for (const transaction of history) {
    for (const step of transaction.steps) {
      if (step.is === 'append') writers.set(step.value, transaction)
    }
  }
  return writers
}

/** What is wrong with the lists as they were at the end. */
export function judgeLists(history: readonly Transaction[], lists: Lists): Anomaly[] {
  const anomalies: Anomaly[] = []
  const writers = writersOf(history)
  const present = new Set<number>()
  for (const [key, values] of lists) {
    for (const value of values) {
      const writer = writers.get(value)
      if (present.has(value)) anomalies.push({ kind: 'doubled', text: `${value} in list ${key}` })
      present.add(value)
      if (writer === undefined) {
        anomalies.push({ kind: 'invented', text: `${value} in list ${key}` })
      } else if (writer.end === 'aborted') {
        anomalies.push({ kind: 'G1a', text: `${value} of T${writer.id} stayed in list ${key}` })
      }
    }
  }
  for (const [value, { id, end, steps }] of writers) {
    if (present.has(value)) continue
    const some = steps.some((step) => step.is === 'append' && present.has(step.value))
    if (end === 'committed' || some) anomalies.push({ kind: 'lost', text: `${value} of T${id}` })
  }
  return anomalies
}

/** What is wrong with what committed transactions read. */
export function judgeReads(history: readonly Transaction[], lists: Lists): Anomaly[] {
  const anomalies: Anomaly[] = []
  const writers = writersOf(history)
  for (const reader of history) {
    if (reader.end !== 'committed') continue
    const mine = new Map<number, number[]>()
    for (const step of reader.steps) {
      const own = mine.get(step.key) ?? []
      mine.set(step.key, own)
      if (step.is === 'append') {
        own.push(step.value)
        continue
      }
      const { key, values } = step
      const where = `T${reader.id} read [${values}] of list ${key}`
      for (const value of values) {
        if (writers.get(value)?.end === 'aborted') {
          anomalies.push({ kind: 'G1a', text: `${where}: ${value} was rolled back` })
        }
      }
      const order = lists.get(key) ?? []
      if (values.some((value, at) => value !== order[at])) {
        anomalies.push({ kind: 'disordered', text: `${where}, at the end it was [${order}]` })
      }
      const others = values.slice(0, values.length - own.length)
      if (own.some((value, at) => values[others.length + at] !== value)) {
        anomalies.push({ kind: 'internal', text: `${where}, having appended [${own}]` })
      }
      const last = others.at(-1)
      const writer = last === undefined ? undefined : writers.get(last)
      if (writer !== undefined && writer !== reader && last !== lastOf(writer, key)) {
        anomalies.push({ kind: 'G1b', text: `${where}, in the middle of T${writer.id}` })
      }
    }
  }
  return anomalies
}

function lastOf({ steps }: Transaction, key: number): number | undefined {
  const last = steps.findLast((step) => step.is === 'append' && step.key === key)
  return last?.is === 'append' ? last.value : undefined
}
