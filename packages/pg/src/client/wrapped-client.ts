import type { ClientConfig } from 'pg'
import type {
  PgClient,
  PgClientClass,
  PgQuery,
  QueryConfig,
  Submittable,
} from '../connection/wire.ts'
import type { Query } from '../exchange/wrapper.ts'

/** Takes in what has come through the wrappers; `limit` is the query's own query_timeout. */
type Admit = (query: PgQuery | Submittable, limit: number | undefined) => void

/**
 * A client of the caller's own class that is never connected: wrappers of query() see on it what the
 * application asks, once per statement, may change or copy it, and what comes out of them goes to the
 * session. So none of them stands between a session and its connection.
 */
export class WrappedClient {
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
