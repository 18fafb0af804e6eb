import { settingsOf } from '@reprise/core'
import { type RepriseOptions, reprisePool } from '@reprise/pg'
import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  UnknownRow,
} from 'kysely'
import type { Config, Pool } from './config.ts'
import { checkVersion } from './version.ts'

const another =
  'ReprisePlugin was given a pool that the dialect does not use, so nothing is protected: pass one and the same pool to the dialect and to the plugin, or to the dialect the pool of the plugin.'

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
 *
 * A plugin sees no pool either. When an answer comes and the pool it was given has served nobody, that
 * query throws a TypeError (although it was executed), and none is let through after it.
 */
export class ReprisePlugin implements KyselyPlugin {
  /**
   * What the dialect is to be given: the pool that this was given, or, for a function that makes it, the
   * function that makes the one pool on sessions.
   */
  readonly pool: Config['pool']
  #serves = false
  #misled = false

  /**
   * @throws TypeError for a version of Kysely that is not supported, when the pool is none of
   *   node-postgres, and for options that are wrong
   */
  constructor(config: Pick<Config, 'pool'>, options?: RepriseOptions) {
    checkVersion()
    if (typeof config !== 'object' || config === null || config.pool === undefined) {
      throw new TypeError("ReprisePlugin takes the dialect's pool: new ReprisePlugin({ pool }).")
    }
    settingsOf(options)
    const { pool } = config
    if (typeof pool !== 'function') {
      this.pool = this.#watched(reprisePool(pool, options))
      return
    }
    let opening: Promise<Pool> | undefined
    this.pool = (abortable) => {
      opening ??= pool(abortable).then(
        (made) => this.#watched(reprisePool(made, options)),
        (error) => {
          opening = undefined
          throw error
        },
      )
      return opening
    }
  }

  /** Whether there is no sign that the dialect uses another pool. */
  get protects(): boolean {
    return !this.#misled
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    if (this.#misled) throw new TypeError(another)
    return node
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    if (!this.#serves) {
      this.#misled = true
      throw new TypeError(another)
    }
    return result
  }

  #watched(pool: Pool): Pool {
    pool.once('acquire', () => {
      this.#serves = true
    })
    return pool
  }
}
