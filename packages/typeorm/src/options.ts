import { isPoolOrClient, notToBeSpread, optionAmong, refuseHosts } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import pg from 'pg'
import type { DataSourceOptions } from 'typeorm'
import { clientFor } from './client.ts'
import { requirePostgres } from './protection.ts'
import { isRepriseSubscriber, repriseSubscriber } from './subscriber.ts'
import { checkVersion } from './version.ts'

/** TypeORM's options for a PostgreSQL data source. */
export type PostgresOptions = Extract<DataSourceOptions, { readonly type: 'postgres' }>

type Subscribers = Extract<PostgresOptions['subscribers'], readonly unknown[]>

/**
 * Makes the connections of a data source outlive their sockets, and lets its transactions be run
 * again where their callback is `rerunnable()`:
 *
 *     const dataSource = new DataSource(reprise({ type: 'postgres', url, entities }))
 *
 * @returns new options, the same but for `extra`, `driver` and `subscribers`
 * @throws TypeError when this is not PostgreSQL on node-postgres, and for options that are wrong
 */
export function reprise<O extends PostgresOptions>(options: O, reprise?: RepriseOptions): O {
  checkVersion()
  if (typeof options !== 'object' || options === null) {
    throw new TypeError("reprise() takes TypeORM's options: reprise({ type: 'postgres', … }).")
  }
  requirePostgres(options.type)
  const misplaced = optionAmong(options)
  if (misplaced !== undefined) {
    throw new TypeError(
      `'${misplaced}' is an option of Reprise, not of TypeORM: write reprise({ type: 'postgres', … }, { ${misplaced} }).`,
    )
  }
  const { extra } = options
  if (isPoolOrClient(extra)) {
    throw new TypeError(
      "TypeORM's extra takes the options of a pool, and not a pool: TypeORM makes its own.",
    )
  }
  if (extra?.pipeline === true) {
    throw new TypeError(
      "Reprise cannot see what became of a single statement in pg's pipeline mode: remove pipeline: true from extra.",
    )
  }
  // TypeORM would load pg from where it lies itself: pool, types and client must be of one copy.
  const driver = options.driver ?? pg
  const listed: Subscribers = Object.values(options.subscribers ?? [])
  const ours = listed.find(isRepriseSubscriber)
  const subscriber = reprise === undefined && ours ? ours : repriseSubscriber(reprise)
  if (options.replication !== undefined) refuseHosts(subscriber.options, 'replication')
  return {
    ...options,
    driver,
    extra: { ...extra, Client: clientFor(extra?.Client ?? driver.Client, subscriber.options) },
    subscribers: [...listed.filter((other) => !isRepriseSubscriber(other)), subscriber],
  }
}

notToBeSpread(
  reprise,
  'This reprise is the one of @reprise/typeorm: write new DataSource(reprise({ … })), or extra: reprise() with that of @reprise/pg.',
)
