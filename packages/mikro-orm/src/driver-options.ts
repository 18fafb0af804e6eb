type Given = object | (() => object)

interface Configured {
  readonly driverOptions?: unknown
  readonly replicas?: unknown
}

/**
 * The driver options of a configuration, or of a replica, once they are sure not to hold connections
 * that somebody else makes.
 *
 * @throws TypeError when they do; for a function, when MikroORM calls it
 */
export function checkedDriverOptions({ driverOptions }: Configured): { driverOptions?: Given } {
  if (driverOptions === undefined) return {}
  if (isKnex(driverOptions)) {
    throw new TypeError(
      'Reprise cannot reach into a knex given in driverOptions: make it with a client that extends PostgreSqlKnexDialect and whose _driver() returns reprise() of @reprise/pg, and leave reprise() of @reprise/mikro-orm out.',
    )
  }
  if (typeof driverOptions !== 'function') {
    refuse(driverOptions)
    return { driverOptions: driverOptions as object }
  }
  return {
    driverOptions: () => {
      const made: unknown = driverOptions()
      refuse(made)
      return made as object
    },
  }
}

/** The same for each read replica. */
export function checkedReplicas<R extends Configured>(config: {
  readonly replicas?: readonly R[]
}): { replicas?: R[] } {
  if (config.replicas === undefined) return {}
  if (!Array.isArray(config.replicas)) {
    throw new TypeError('replicas of MikroORM is a list of configurations: pass [{ host, … }].')
  }
  return { replicas: config.replicas.map((one) => ({ ...one, ...checkedDriverOptions(one) })) }
}

/** Of MikroORM 6: a knex is a function, too. */
function isKnex(options: unknown): boolean {
  const { context } = (options ?? {}) as { context?: { client?: unknown } }
  return context?.client !== undefined
}

function refuse(options: unknown): void {
  const { createDriver, getExecutor } = (options ?? {}) as Record<string, unknown>
  if (typeof getExecutor === 'function') {
    throw new TypeError(
      'Reprise cannot reach into a Kysely given in driverOptions: make its pool with new pg.Pool({ …, ...reprise() }) of @reprise/pg, and leave reprise() of @reprise/mikro-orm out.',
    )
  }
  if (typeof createDriver === 'function') {
    throw new TypeError(
      'Reprise cannot reach into a dialect given in driverOptions: give it a pool made with new pg.Pool({ …, ...reprise() }) of @reprise/pg, and leave reprise() of @reprise/mikro-orm out.',
    )
  }
}
