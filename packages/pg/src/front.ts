import type { ClientConfig } from 'pg'
import type { PgClient, PgClientClass, PgQuery, QueryConfig, Submittable } from './wire.ts'

/** pg.Client.prototype.query, or what stands in its place. */
type Query = (...asked: unknown[]) => unknown

/** Takes in what has come through the wrappers; `limit` is the query's own query_timeout. */
type Admit = (query: PgQuery | Submittable, limit: number | undefined) => void

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

/**
 * A client of the caller's own class that is never connected: wrappers of query() see on it what the
 * application asks, once per statement, may change or copy it, and what comes out of them goes to the
 * session. So none of them stands between a session and its connection.
 */
export class Front {
  readonly #client: PgClient
  #given: unknown
  #limit: number | undefined

  /**
   * @param face what wrappers read of a client is read of this one instead, as of now
   */
  constructor(
    Base: PgClientClass,
    config: string | ClientConfig | undefined,
    face: () => PgClient,
    admit: Admit,
  ) {
    const client = new Base(config)
    client.on('error', () => undefined)
    client.connectionParameters.query_timeout = 0
    const push = (query: PgQuery | Submittable): number => {
      const limit = query === this.#given ? (query as QueryConfig).query_timeout : this.#limit
      admit(query, limit)
      return 0
    }
    const queue = { value: { length: 0, push, indexOf: () => -1 } }
    Object.defineProperties(client, {
      _queryQueue: queue,
      queryQueue: queue,
      _pulseQueryQueue: { value: () => undefined },
      _types: { get: () => face()._types },
      processID: { get: () => face().processID },
    })
    this.#client = client
  }

  /** Whether this very object was given to query(), and not made by pg of what was. */
  isGiven(query: unknown): boolean {
    return query === this.#given
  }

  /** Calls a wrapper as the application has called query(). */
  ask(wrapper: Query, asked: readonly unknown[]): unknown {
    const [config, ...more] = asked
    const limit = (config as QueryConfig).query_timeout
    const drives = typeof (config as Submittable).submit === 'function'
    this.#given = config
    this.#limit = limit
    try {
      // pg would keep the time for a query that never goes there.
      const untimed = limit === undefined || drives ? config : new Proxy(config as object, timeless)
      return Reflect.apply(wrapper, this.#client, [untimed, ...more])
    } finally {
      this.#given = undefined
      this.#limit = undefined
    }
  }
}

const timeless: ProxyHandler<object> = {
  get: (config, key) => (key === 'query_timeout' ? undefined : Reflect.get(config, key)),
}
