import type { Budget, Gate, Target } from '@reprise/core'
import { type Address, addressOf, aim, placeOf } from '../connection/address.ts'
import type { Connection } from '../connection/connection.ts'
import type { HostList } from '../connection/host-list.ts'
import { isPromoted } from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import type { PgClient } from '../connection/wire.ts'
import type { HostsShare, Successor, SuccessorSearch } from '../exchange/servers.ts'
import type { Shared } from '../exchange/shared.ts'
import { SharedResource } from '../exchange/shared-resource.ts'
import { type Stop, stopsOf } from './stops.ts'
import { ListSearch } from './successor-search.ts'
import { requireTarget } from './target.ts'

/** The servers of which a session wants one, one server in most cases, and what is known of them. */
export class Hosts {
  /** What it is to be at present. */
  target: Target
  readonly #shared: Shared
  readonly #list: HostList
  #addresses: readonly Address[]
  #share: HostsShare
  #wrote = false

  /**
   * @param client is aimed at the first of them
   * @throws TypeError where the configuration names them wrongly
   */
  constructor(shared: Shared, list: HostList, client: PgClient) {
    this.#shared = shared
    this.#list = list
    this.#addresses = list.addresses(client)
    this.target = list.target
    this.#share = shared.hosts(this.#addresses, this.target, client)
    aim(client, this.#addresses[0] as Address)
  }

  /** What may be spent on work that is done again, on whichever of them. */
  get budget(): Budget {
    return this.#share.budget
  }

  /** Shut while none of them is found that will do. */
  get gate(): Gate {
    return this.#share.gate
  }

  /** Whether one is wanted that takes writes. */
  get writable(): boolean {
    return this.target === 'primary' || this.target === 'read-write'
  }

  /** Whether what refuses a write is not what was wanted, or not what was there before. */
  get expectWrites(): boolean {
    if (this.#wrote || this.writable) return true
    return this.target === 'any' && this.#share.known.wrote
  }

  /** From now on no standby will do, where that was left open: the session wrote there. */
  hasWritten(): void {
    this.insist()
    this.#share.known.wrote = true
  }

  /** The same, for one that was about to write. */
  insist(): void {
    this.#wrote = true
  }

  /** Takes the address that the holder of a client that is not connected yet may have assigned to it. */
  heed({ host, port }: PgClient): void {
    const [first] = this.#addresses
    if (host !== first?.host || port !== first.port) this.#addresses = [{ host, port }]
  }

  /** One is about to be looked for. */
  wanted(client: PgClient): void {
    const { target } = this.#list
    this.target =
      this.#wrote && (target === 'any' || target === 'prefer-standby') ? 'primary' : target
    this.#share = this.#shared.hosts(this.#addresses, this.target, client)
  }

  /**
   * The servers to try now: those first that have to come first, then the one that was the primary when
   * it was last seen, where writes are wanted and no other order is.
   */
  stops(first: readonly Address[], client: PgClient): Promise<readonly Stop[]> {
    const { target, shuffled, config } = this.#list
    const several = this.#addresses.length > 1
    const streams = typeof config === 'object' && config.stream !== undefined
    const last = this.writable && !shuffled ? this.#share.known.primary : undefined
    return stopsOf({
      addresses: this.#addresses,
      target: this.target,
      shuffled,
      // Whoever makes his own sockets may have names that nobody else knows.
      resolves: !streams && (several || target !== 'any'),
      first: [
        ...first.map(placeOf).filter((place) => !this.#share.known.replaced.has(place)),
        last,
      ],
      last: this.#share.known.replaced,
      gate: (address) =>
        several || this.target !== 'any' ? this.#shared.server(address, client).gate : undefined,
    })
  }

  /**
   * Waits until another has taken the place of the server of a silent connection: the same system on a
   * later timeline, so that it was promoted since.
   * @returns false when none was found, or it is not known to be that
   */
  async replaced({ backend, client }: Connection, signal: AbortSignal): Promise<boolean> {
    const silent = addressOf(client)
    if (backend === undefined) return false
    const found = await this.#successor(silent, client, signal)
    if (found === undefined || !isPromoted(found.backend, backend)) return false
    this.#share.known.replaced.add(placeOf(silent))
    return true
  }

  /** Waits until another takes writes while one does not answer: as long as there is none, it may only be slow. */
  async elsewhere(silent: Address, client: PgClient, signal: AbortSignal): Promise<boolean> {
    return (await this.#successor(silent, client, signal)) !== undefined
  }

  /** One session looks for all that wait. */
  async #successor(
    silent: Address,
    client: PgClient,
    signal: AbortSignal,
  ): Promise<Successor | undefined> {
    if (!this.writable || this.#addresses.length < 2) return undefined
    const { known } = this.#share
    const place = placeOf(silent)
    const others = async (): Promise<readonly Stop[]> =>
      (await this.stops([], client)).filter(({ address }) => placeOf(address) !== place)
    const search = known.searches.get(place) ?? new SharedResource<SuccessorSearch>()
    known.searches.set(place, search)
    const found = await search.use(
      async () => new ListSearch(others, this.#shared, this.#list.config),
      (open) => open.stop(),
      (open) => Promise.race([open.found, aborted(signal)]),
    )
    if (found !== undefined) known.primary = found.place
    return found
  }

  /**
   * Checks that a new connection leads to a server that will do, and remembers where the primary is.
   * @throws Unsuited
   */
  async require(connection: Connection, target: Target, ask: Inquiry): Promise<void> {
    const { known } = this.#share
    const place = placeOf(addressOf(connection.client))
    await requireTarget(connection, target, ask).finally(() => {
      const { standby } = connection.reported
      known.replaced.delete(place)
      if (standby === false) known.primary = place
      else if (standby && known.primary === place) known.primary = undefined
    })
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
