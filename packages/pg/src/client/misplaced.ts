const sentence =
  'reprise() makes the clients of a pool: spread it into the options of new pg.Pool({ …, ...reprise() }). A pg.Client, or whatever makes its own, does not heed it; for one client write new (reprise().Client)({ … }).'

function refuse(): never {
  throw new TypeError(sentence)
}

/**
 * Stands where a pg.Client looks for a connection of somebody else's making. Pools hand their options on
 * to the `Client` in them, which is a session and takes this out; a pg.Client that was given them itself
 * takes no notice of that `Client`, and would connect unprotected. knex calls what it finds there.
 */
export const misplaced: object = Object.assign(() => refuse(), {
  connect: refuse,
  on: refuse,
  once: refuse,
  // A pg.Client ends what has not connected in time.
  stream: { destroy: () => undefined },
})

/**
 * Takes it out of a configuration: out of the very object, a pool's own, which others read later.
 * @returns the configuration
 */
export function withoutMisplaced<C>(config: C): C {
  const { connection } = (config ?? {}) as { connection?: unknown }
  if (connection !== misplaced) return config
  return Reflect.deleteProperty(config as object, 'connection')
    ? config
    : { ...config, connection: undefined }
}
