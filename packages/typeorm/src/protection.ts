import { refuseHosts, settingsOf } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import type { DataSource } from 'typeorm'
import { clientFor } from './client.ts'
import { rerunTransactions } from './transactions.ts'
import { checkVersion } from './version.ts'

/** pg-pool reads this at each new client. */
interface Pool {
  Client: unknown
}

/** The parts of TypeORM's PostgresDriver that a data source is protected by. */
interface Driver {
  options: DataSource['options']
  readonly postgres: { readonly Client: unknown }
  readonly master?: Pool
  readonly slaves: readonly Pool[]
}

const prepared = new WeakSet<DataSource>()

/**
 * @throws TypeError unless this is TypeORM's name for PostgreSQL itself
 */
export function requirePostgres(type: unknown): void {
  if (type === 'postgres') return
  throw new TypeError(
    `Reprise works on PostgreSQL through node-postgres: use it with type: 'postgres', not '${String(type)}'.`,
  )
}

/** Whether a data source has been protected. */
export function isProtected(dataSource: DataSource): boolean {
  return prepared.has(dataSource)
}

/**
 * Sees to it that all connections of a data source are sessions from now on, and that it runs
 * rerunnable transactions again. Doing so twice does no harm.
 * @throws TypeError when this is not PostgreSQL on node-postgres, and for options that are wrong
 */
export function protect(dataSource: DataSource, options: RepriseOptions | undefined): void {
  checkVersion()
  requirePostgres(dataSource.options.type)
  const settings = settingsOf(options)
  if ('replication' in dataSource.options && dataSource.options.replication !== undefined) {
    refuseHosts(options, 'replication')
  }
  const driver = dataSource.driver as unknown as Driver
  const { extra } = driver.options
  const Client = clientFor(extra?.Client ?? driver.postgres.Client, options)
  if (extra?.Client !== Client) {
    // A copy, for the options are the application's, which may make another data source of them.
    const protectedOptions = { ...dataSource.options, extra: { ...extra, Client } }
    Object.assign(dataSource, { options: protectedOptions })
    driver.options = protectedOptions
  }
  for (const pool of [driver.master, ...driver.slaves]) {
    if (pool) pool.Client = clientFor(pool.Client, options)
  }
  if (prepared.has(dataSource)) return
  prepared.add(dataSource)
  rerunTransactions(dataSource, settings)
}
