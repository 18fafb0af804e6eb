import type { Configuration, EntityManagerType } from '@mikro-orm/core'
import type { PostgreSqlDriver } from '@mikro-orm/postgresql'
import type { Settings } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import { withSessions } from './connection.ts'
import { tellTheWholeOfExtensions } from './extensions.ts'
import { Guard } from './guard.ts'
import { ownError } from './memory.ts'
import { RepriseSubscriber } from './subscriber.ts'

/** A driver class as MikroORM's configuration takes it. */
export type DriverClass = new (config: Configuration) => PostgreSqlDriver

const ours = new WeakSet<object>()

/** Whether a driver class was derived here. */
export function isRepriseDriver(driver: object): boolean {
  return ours.has(driver)
}

/**
 * Derives a driver whose connections are sessions and whose entity managers do not go on with memory
 * that a loss has made untrue.
 *
 * @throws TypeError for a class that is such a driver already
 */
export function driverOver(
  Base: DriverClass,
  options: RepriseOptions,
  settings: Settings,
): DriverClass {
  if (ours.has(Base)) {
    throw new TypeError('This MikroORM configuration went through reprise() before: call it once.')
  }
  class RepriseDriver extends Base {
    readonly #guard: Guard = new Guard(settings)

    constructor(config: Configuration) {
      super(config)
      if (!this.getDependencies().includes('pg')) {
        throw new TypeError(
          'Reprise mends connections of node-postgres: use the driver of @mikro-orm/postgresql.',
        )
      }
      for (const connection of [this.connection, ...this.replicas])
        withSessions(connection, options)
      tellTheWholeOfExtensions(config, (error) => ownError(this.getPlatform(), error))
    }

    override createEntityManager(useContext?: boolean): this[typeof EntityManagerType] {
      for (const subscriber of this.config.get('subscribers')) {
        if (subscriber instanceof RepriseSubscriber) subscriber.reportTo(this.config.getLogger())
      }
      return this.#guard.protect(super.createEntityManager(useContext))
    }
  }
  ours.add(RepriseDriver)
  return RepriseDriver
}
