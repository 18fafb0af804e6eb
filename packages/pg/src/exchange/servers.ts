import { Budget, Gate, type KnownServer, remember, type Settings, type Target } from '@reprise/core'
import { Database } from '../catalog/database.ts'
import { type Address, placeOf } from '../connection/address.ts'
import type { Backend } from '../connection/incarnation.ts'
import type { ProbeConnection } from './probe-connection.ts'
import { SharedResource } from './shared-resource.ts'

/** What all sessions of this process with one server share, whichever call made them. */
export interface ServerShare {
  readonly gate: Gate
  /** What is known of the database there. */
  readonly database: Database
  /** Whether the server would not answer a witness: none is sent to it any more. */
  witnessRefused: boolean
  /** The one connection over which silent ones are asked after. */
  readonly probe: SharedResource<ProbeConnection>
}

/** What all sessions with one list of hosts share. */
export interface HostsShare {
  readonly budget: Budget
  /** Whether one that will do is found at present. One prober looks through all of them. */
  readonly gate: Gate
  /** What is known of them, whatever is wanted of them. */
  readonly known: KnownHosts
  /** Held, so that whoever measures finds it. */
  readonly measured: KnownServer
}

/** What is known of a list of hosts. */
export interface KnownHosts {
  /** The place of the one that took writes when it was last seen. */
  primary: string | undefined
  /** Whether anybody wrote there: one that refuses it is not what it was taken for. */
  wrote: boolean
  /** The places of those that say nothing since another has taken their place. */
  readonly replaced: Set<string>
  /** Searches for another in the place of one that says nothing, by the place of that. */
  readonly searches: Map<string, SharedResource<SuccessorSearch>>
}

/** A search for the server that has taken the place of another. */
export interface SuccessorSearch {
  /** Undefined when it is stopped before there is one. */
  readonly found: Promise<Successor | undefined>
  stop(): void
}

/** The server that takes writes now, and who answered there. */
export interface Successor {
  readonly place: string
  readonly backend: Backend | undefined
}

/** As whom, as a pg.Client has it from its configuration and the environment. */
export interface Identity {
  readonly database?: string | undefined
  readonly user?: string | undefined
}

/** So many servers are remembered although no session with them is left. */
const remembered = 100

/** One for all copies of this package in a process: ESM and CommonJS, or two of one version. */
const registry = Symbol.for('reprise.servers.4')

/**
 * Servers by name. Whoever has a session holds its server; beyond those only the last
 * {@link remembered} are kept, so that a thousand tenants cost nothing once they are gone.
 */
class Shares<T extends object> {
  readonly #known = new Map<string, WeakRef<T>>()
  readonly #last = new Map<string, T>()
  readonly #gone = new FinalizationRegistry<string>((name) => {
    if (this.#known.get(name)?.deref() === undefined) this.#known.delete(name)
  })

  of(name: string, make: () => T): T {
    let shared = this.#known.get(name)?.deref()
    if (shared === undefined) {
      shared = make()
      this.#known.set(name, new WeakRef(shared))
      this.#gone.register(shared, name)
    }
    this.#last.delete(name)
    this.#last.set(name, shared)
    for (const [oldest] of this.#last) {
      if (this.#last.size <= remembered) break
      this.#last.delete(oldest)
    }
    return shared
  }
}

interface Registry {
  readonly servers: Shares<ServerShare>
  readonly gates: Shares<Gate>
  readonly budgets: Shares<Budget>
  readonly hosts: Shares<KnownHosts>
  readonly measured: Shares<KnownServer>
}

function shares(): Registry {
  const held = globalThis as { [registry]?: Registry }
  held[registry] ??= {
    servers: new Shares(),
    gates: new Shares(),
    budgets: new Shares(),
    hosts: new Shares(),
    measured: new Shares(),
  }
  return held[registry]
}

/** The gate of a place, or of several for one purpose. */
function gateOf(place: string, { gate, backoff }: Settings): Gate {
  const name = JSON.stringify([place, gate.concurrency, backoff.base, backoff.cap])
  return shares().gates.of(name, () => new Gate(gate, backoff))
}

function limitsOf(
  { database, user }: Identity,
  { budget, gate, backoff, witness }: Settings,
): unknown {
  const { capacity, deposit, perSecond } = budget
  return [
    database,
    user,
    [capacity, deposit, perSecond],
    witness,
    [gate.concurrency, backoff.base, backoff.cap],
  ]
}

/**
 * What belongs to a server (host, port, database, user) and not to a call of reprise(). Calls that give
 * the same `budget`, `gate`, `backoff` and `witness` share it; one that gives others has its own, since
 * it asked for a limit of its own. Other options, the deadline among them, make no difference. The gate
 * is that of host and port: a thousand tenants knock at a server that is down no harder than one.
 */
export function sharedWith(address: Address, identity: Identity, settings: Settings): ServerShare {
  const place = placeOf(address)
  return shares().servers.of(JSON.stringify([place, limitsOf(identity, settings)]), () => ({
    gate: gateOf(place, settings),
    database: new Database(),
    witnessRefused: false,
    probe: new SharedResource(),
  }))
}

/**
 * What belongs to a list of hosts, by the same rules. The budget is one for all of them: what is lost
 * on one of them is done again on another. A list of one host of which nothing is wanted has that
 * host's own gate.
 */
export function sharedAmong(
  hosts: readonly Address[],
  target: Target,
  identity: Identity,
  settings: Settings,
): HostsShare {
  const places = hosts.map(placeOf)
  const [only = ''] = places
  const list = places.length === 1 ? only : JSON.stringify([...places].sort())
  const own = places.length === 1 && target === 'any'
  const limits = JSON.stringify([list, limitsOf(identity, settings)])
  const budget = shares().budgets.of(limits, () => new Budget(settings.budget))
  const gate = gateOf(own ? only : JSON.stringify([list, target]), settings)
  return {
    budget,
    gate,
    measured: shares().measured.of(JSON.stringify([target, limits]), () => {
      const [{ host = '', port = 0 } = {}] = hosts
      const server = { host, port, database: identity.database, budget, gate }
      remember(server)
      return server
    }),
    known: shares().hosts.of(list, () => ({
      primary: undefined,
      wrote: false,
      replaced: new Set(),
      searches: new Map(),
    })),
  }
}
