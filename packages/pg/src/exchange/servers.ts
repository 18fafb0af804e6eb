import { Budget, Gate, type KnownServer, remember, type Settings } from '@reprise/core'
import type { ProbeConnection } from './probe-connection.ts'
import { SharedResource } from './shared-resource.ts'

/** What all sessions of this process with one server share, whichever call made them. */
export interface ServerShare extends KnownServer {
  readonly budget: Budget
  readonly gate: Gate
  /** Whether the server would not answer a witness: none is sent to it any more. */
  witnessRefused: boolean
  /** The one connection over which silent ones are asked after. */
  readonly probe: SharedResource<ProbeConnection>
}

/** Where and as whom, as a pg.Client has it from its configuration and the environment. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly database?: string | undefined
  readonly user?: string | undefined
}

/** So many servers are remembered although no session with them is left. */
const remembered = 100

/** One for all copies of this package in a process: ESM and CommonJS, or two of one version. */
const registry = Symbol.for('reprise.servers.1')

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

/**
 * What belongs to a server (host, port, database, user) and not to a call of reprise(). Calls that give
 * the same `budget`, `gate`, `backoff` and `witness` share it; one that gives others has its own, since
 * it asked for a limit of its own. Other options, the deadline among them, make no difference. The gate
 * is that of host and port: a thousand tenants knock at a server that is down no harder than one.
 */
export function sharedWith(
  { host, port, database, user }: Address,
  { budget, gate, backoff, witness }: Settings,
): ServerShare {
  const held = globalThis as { [registry]?: { servers: Shares<ServerShare>; gates: Shares<Gate> } }
  held[registry] ??= { servers: new Shares(), gates: new Shares() }
  const { servers, gates } = held[registry]
  const { capacity, deposit, perSecond } = budget
  const { base, cap } = backoff
  const door = [host, port, gate.concurrency, base, cap]
  const name = JSON.stringify([database, user, capacity, deposit, perSecond, witness, ...door])
  return servers.of(name, () => {
    const share = {
      host,
      port,
      database,
      budget: new Budget(budget),
      gate: gates.of(JSON.stringify(door), () => new Gate(gate, backoff)),
      witnessRefused: false,
      probe: new SharedResource<ProbeConnection>(),
    }
    remember(share)
    return share
  })
}
