import type { Dependencies, Dependency } from './dependencies.ts'
import type { Anomaly } from './transaction.ts'

/** One shortest cycle of each kind that there is: what Adya forbids at one level or another. */
export function cyclesIn(edges: Dependencies): Anomaly[] {
  const kinds: [Anomaly['kind'], Dependency, readonly Dependency[]][] = [
    ['G0', 'ww', ['ww']],
    ['G1c', 'wr', ['ww', 'wr']],
    ['G-single', 'rw', ['ww', 'wr']],
    ['G2', 'rw', ['ww', 'wr', 'rw']],
  ]
  const anomalies: Anomaly[] = []
  for (const [kind, first, rest] of kinds) {
    const cycle = shortest(edges, first, rest)
    // A cycle with one of these is one with one or more.
    const narrower = kind === 'G2' && anomalies.some((other) => other.kind === 'G-single')
    if (cycle === undefined || narrower) continue
    anomalies.push({ kind, text: cycle })
  }
  return anomalies
}

/** The shortest cycle of one dependency of the first kind and any number of the others. */
function shortest(
  edges: Dependencies,
  first: Dependency,
  rest: readonly Dependency[],
): string | undefined {
  let best: number[] | undefined
  for (const [before, those] of edges) {
    for (const [after, how] of those) {
      if (!how.has(first)) continue
      const path = pathBetween(edges, after, before, rest)
      if (path !== undefined && path.length < (best?.length ?? Number.POSITIVE_INFINITY))
        best = path
    }
  }
  const start = best?.at(-1)
  if (best === undefined || start === undefined) return undefined
  return [start, ...best].map((id) => `T${id}`).join(' before ')
}

function pathBetween(
  edges: Dependencies,
  from: number,
  to: number,
  by: readonly Dependency[],
): number[] | undefined {
  const cameFrom = new Map<number, number | undefined>([[from, undefined]])
  const queue = [from]
  for (const at of queue) {
    if (at === to) {
      const path: number[] = []
      for (let id: number | undefined = at; id !== undefined; id = cameFrom.get(id))
        path.unshift(id)
      return path
    }
    for (const [next, how] of edges.get(at) ?? []) {
      if (cameFrom.has(next) || !by.some((kind) => how.has(kind))) continue
      cameFrom.set(next, at)
      queue.push(next)
    }
  }
  return undefined
}
