import dns from 'node:dns'
import { isIP } from 'node:net'
import type { Gate, Target } from '@reprise/core'
import { type Address, placeOf } from '../connection/address.ts'

/** One server on the way through a list of hosts. */
export interface Stop {
  readonly address: Address
  /** What it has to be. */
  readonly target: Target
  /** The gate of the server itself, where the list has another. */
  readonly gate: Gate | undefined
  /** Why its name has no address, where it has none. */
  readonly unresolved?: unknown
}

/** How a list of hosts is gone through. */
export interface Route {
  readonly addresses: readonly Address[]
  readonly target: Target
  readonly shuffled: boolean
  /** Whether a name counts as many hosts as it has addresses: else it is left to the socket. */
  readonly resolves: boolean
  /** Places that come before all others. */
  readonly first: readonly (string | undefined)[]
  /** Places that come after all others. */
  readonly last: ReadonlySet<string>
  gate(address: Address): Gate | undefined
}

/**
 * The servers of a list in the order in which they are tried now, as libpq goes through them
 * (fe-connect.c, connectOptions2 and PQconnectPoll): in the order given, or in another each time, each
 * name with its addresses; for `prefer-standby` the standbys first, then again whatever there is.
 */
export async function stopsOf(route: Route): Promise<readonly Stop[]> {
  const { addresses, target, shuffled, resolves, first, last, gate } = route
  const order = (list: readonly Address[]): readonly Address[] => (shuffled ? mixed(list) : list)
  const found = await Promise.all(
    order(addresses).map(async (address) => {
      try {
        const all = resolves ? order(await resolve(address)) : [address]
        return all.map((each) => ({ address: each, target, gate: gate(each) }))
      } catch (unresolved) {
        return [{ address, target, gate: undefined, unresolved }]
      }
    }),
  )
  const rank = ({ address }: Stop): number => {
    const place = placeOf(address)
    const at = first.indexOf(place)
    if (at >= 0) return at
    return first.length + Number(last.has(place))
  }
  const stops = found.flat().sort((a, b) => rank(a) - rank(b))
  if (target !== 'prefer-standby') return stops
  return [
    ...stops.map((stop): Stop => ({ ...stop, target: 'standby' })),
    ...stops.map((stop): Stop => ({ ...stop, target: 'any' })),
  ]
}

/** The addresses of a host; one that is an address, or a directory, is its own. */
function resolve(address: Address): Promise<readonly Address[]> {
  const { host } = address
  if (host.startsWith('/') || isIP(host) !== 0) return Promise.resolve([address])
  return new Promise((done, fail) => {
    dns.lookup(host, { all: true }, (error, found) => {
      if (error !== null) fail(error)
      else {
        const ips = new Set(found.map((each) => each.address))
        done([...ips].map((ip) => ({ ...address, ip })))
      }
    })
  })
}

/** Another order each time (Fisher and Yates). */
function mixed<T>(list: readonly T[]): readonly T[] {
  const copy = [...list]
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[copy[last], copy[other]] = [copy[other] as T, copy[last] as T]
  }
  return copy
}
