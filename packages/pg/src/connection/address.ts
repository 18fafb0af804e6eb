import type { PgClient } from './wire.ts'

/** Where a server is, or where its socket lies. */
export interface Address {
  readonly host: string
  readonly port: number
  /** One of the addresses that a name resolves to, where one of several is meant. */
  readonly ip?: string | undefined
}

/** Where clients were aimed at. */
const aims = new WeakMap<PgClient, Address>()

/**
 * Makes a client that is not connected yet connect there, whatever its configuration says, unless its
 * holder names another host after all. The name stays that of the host: TLS is about that, and ~/.pgpass.
 */
export function aim(client: PgClient, address: Address): void {
  const { host, port, ip } = address
  const { stream } = client.connection
  for (const about of [client, client.connectionParameters]) Object.assign(about, { host, port })
  aims.set(client, address)
  if (ip === undefined || stream.connect === undefined) return
  const { connect } = stream
  stream.connect = (...where) =>
    Reflect.apply(connect, stream, where[1] === host ? [where[0], ip, ...where.slice(2)] : where)
}

/** Where a client is connected, or about to be. */
export function addressOf(client: PgClient): Address {
  const { host, port } = client
  const aimed = aims.get(client)
  return aimed?.host === host && aimed.port === port ? aimed : { host, port }
}

/** An address in the form in which people write it. */
export function nameOf({ host, port, ip }: Address): string {
  const bare = host.includes(':') && !host.startsWith('/') ? `[${host}]` : host
  return ip === undefined ? `${bare}:${port}` : `${bare}:${port} at ${ip}`
}

/** What tells addresses apart. */
export function placeOf({ host, port, ip }: Address): string {
  return JSON.stringify([host, port, ip])
}
