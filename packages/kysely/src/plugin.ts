import { type RepriseOptions, reprisePool } from '@reprise/pg'
import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  UnknownRow,
} from 'kysely'
import type { Pool } from './config.ts'
import { checkVersion } from './version.ts'

/**
 * The plain door, for a Kysely whose dialect you make yourself: it gives the dialect's pool sessions
 * that outlive their connections. Queries and results pass through unchanged.
 *
 *     new Kysely<Database>({
 *       dialect: new PostgresDialect({ pool }),
 *       plugins: [new ReprisePlugin({ pool })],
 *     })
 *
 * A plugin never sees a transaction's callback, so it cannot run one again: `rerunnable()` has no
 * effect here. Use `reprise()` for that.
 */
export class ReprisePlugin implements KyselyPlugin {
  /** Whether the pool it was given makes sessions. */
  readonly protects: boolean = true

  /** @throws TypeError when the pool is none of node-postgres, and for options that are wrong */
  constructor(config: { readonly pool: Pool }, options?: RepriseOptions) {
    checkVersion()
    if (typeof config !== 'object' || config === null || config.pool === undefined) {
      throw new TypeError("ReprisePlugin takes the dialect's pool: new ReprisePlugin({ pool }).")
    }
    if (typeof config.pool === 'function') {
      throw new TypeError(
        'ReprisePlugin takes the pool itself and not a function: make the pool first, and pass it to the dialect and to the plugin.',
      )
    }
    reprisePool(config.pool, options)
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    return node
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return result
  }
}
