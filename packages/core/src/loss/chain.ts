/** Any error, or what it wraps, as nothing but properties. */
export type ErrorNode = Readonly<Record<string, unknown>>

/** Where ORMs keep the error that they wrap. */
const links = [
  'cause',
  'driverError',
  'originalError',
  'driverAdapterError',
  'meta',
  'previous',
  'parent',
  'original',
  'errors',
]

const deepest = 12

/**
 * An error and all that it wraps, breadth first, so that the outermost word counts. Cycles end, and
 * getters that throw are passed over.
 */
export function nodesOf(error: unknown): ErrorNode[] {
  const seen = new Set<unknown>()
  const nodes: ErrorNode[] = []
  let level: unknown[] = [error]
  for (let depth = 0; depth < deepest; depth++) {
    const next: unknown[] = []
    for (const value of level) {
      if (typeof value !== 'object' || value === null || seen.has(value)) continue
      seen.add(value)
      if (Array.isArray(value)) {
        next.push(...value)
        continue
      }
      nodes.push(value as ErrorNode)
      for (const link of links) next.push(read(value, link))
    }
    level = next
  }
  return nodes
}

function read(from: object, name: string): unknown {
  try {
    return (from as ErrorNode)[name]
  } catch {
    return undefined
  }
}
