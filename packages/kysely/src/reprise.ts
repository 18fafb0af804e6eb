import { Budget, notToBeSpread, settingsOf } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import { Kysely, type KyselyConfig, type KyselyProps } from 'kysely'
import { type Config, checkConfig } from './config.ts'
import { SessionDialect } from './dialect.ts'
import { RerunExecutor } from './executor.ts'
import { checkVersion } from './version.ts'

/**
 * Makes the connections of a Kysely outlive their sockets, and lets its transactions be run again
 * where their callback is `rerunnable()`:
 *
 *     const db = new Kysely<Database>(reprise({ pool: new Pool({ connectionString }) }))
 *
 * @throws TypeError for a version of Kysely that is not supported, when the pool is none of node-postgres, and for options that are wrong
 */
export function reprise(config: Config, options?: RepriseOptions): KyselyProps {
  checkVersion()
  checkConfig(config)
  const settings = settingsOf(options)
  const { plugins, log, ...rest } = config
  const dialect = new SessionDialect(rest, options)
  const own: KyselyConfig = {
    dialect,
    ...(plugins !== undefined && { plugins }),
    ...(log !== undefined && { log }),
  }
  // Kysely's own constructor adds the logging, and what it does once at the start and the end.
  const executor = new Kysely<unknown>(own).getExecutor()
  return {
    config: own,
    dialect,
    driver: dialect.driver,
    executor: new RerunExecutor(executor, { settings, budget: new Budget(settings.budget) }),
  }
}

notToBeSpread(
  reprise,
  'This reprise is the one of @reprise/kysely: write new Kysely(reprise({ pool })), or spread reprise() of @reprise/pg into the options of the pool.',
)
