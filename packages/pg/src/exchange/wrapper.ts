import type { PgClientClass } from '../connection/wire.ts'

/** pg.Client.prototype.query, or what stands in its place. */
export type Query = (...asked: unknown[]) => unknown

/**
 * Tells whether query() of a client class is somebody's wrapper (a tracer's, a subclass's) or pg's own.
 * It is asked anew for each statement, since a tracer may come at any time; only pg's own calls
 * _pulseQueryQueue, and one that is taken for a wrapper by mistake is only slower.
 */
export function wrapperOf(Base: PgClientClass): () => Query | undefined {
  const prototype = Base.prototype as { query: Query }
  let known: Query | undefined
  let wrapper: Query | undefined
  return () => {
    const { query } = prototype
    if (query !== known) {
      known = query
      const own = Function.prototype.toString.call(query).includes('_pulseQueryQueue')
      wrapper = own ? undefined : query
    }
    return wrapper
  }
}
