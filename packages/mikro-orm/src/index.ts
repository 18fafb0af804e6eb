import type { AnyEntity, EntityClass, EntitySchema } from '@mikro-orm/core'
import { type EntityManager, type Options, PostgreSqlDriver } from '@mikro-orm/postgresql'
import { notToBeSpread, optionAmong, refuseHosts, settingsOf } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import { type DriverClass, driverOver } from './driver.ts'
import { checkedDriverOptions, checkedReplicas } from './driver-options.ts'
import { checkVersion } from './version.ts'

export {
  counters,
  DivergedError,
  diagnose,
  failFast,
  InDoubtError,
  LossError,
  RolledBackError,
  rerunnable,
} from '@reprise/core'
export type { Counters, Events, Log, RepriseOptions } from '@reprise/pg'
export { isReprised } from './is-reprised.ts'
export { RepriseSubscriber } from './subscriber.ts'

/**
 * Makes an ORM's work outlive its connections. Written around the configuration:
 *
 *     const orm = await MikroORM.init(reprise({ clientUrl, entities }))
 *
 * @param config what MikroORM.init(), defineConfig() or a Nest module takes
 * @throws TypeError for an unknown option or one of the wrong type, and for a configuration whose
 *   connections are made elsewhere
 */
export function reprise<
  EM extends EntityManager = EntityManager,
  Entities extends readonly (string | EntityClass<AnyEntity> | EntitySchema)[] = (
    | string
    | EntityClass<AnyEntity>
    | EntitySchema
  )[],
>(config: Options<EM, Entities>, options: RepriseOptions = {}): Options<EM, Entities> {
  checkVersion()
  if (typeof config !== 'object' || config === null) {
    throw new TypeError(
      'reprise() takes the MikroORM configuration: reprise({ clientUrl, entities }, { deadline: 30_000 }).',
    )
  }
  const misplaced = optionAmong(config)
  if (misplaced !== undefined) {
    throw new TypeError(
      `'${misplaced}' is an option of Reprise, not of MikroORM: write reprise({ … }, { ${misplaced} }) around the configuration, or driverOptions: reprise({ ${misplaced} }) with reprise of @reprise/pg.`,
    )
  }
  const settings = settingsOf(options)
  if (config.replicas !== undefined) refuseHosts(options, 'replicas')
  const Base = (config.driver ?? PostgreSqlDriver) as DriverClass
  if (typeof Base !== 'function' || Base.prototype === undefined) {
    throw new TypeError(
      'reprise() takes the MikroORM configuration, whose driver is a class: write MikroORM.init(reprise({ clientUrl, entities })), not reprise(orm).',
    )
  }
  return {
    ...config,
    ...checkedDriverOptions(config),
    ...checkedReplicas(config),
    driver: driverOver(Base, options, settings),
  }
}

notToBeSpread(
  reprise,
  'This reprise is the one of @reprise/mikro-orm: write MikroORM.init(reprise({ … })), or driverOptions: reprise() with that of @reprise/pg.',
)
