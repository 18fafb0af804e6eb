import type { Budget } from './budget.ts'
import type { Gate } from './gate.ts'

/** A server that sessions of this process have to do with, as one budget for it sees it. */
export interface KnownServer {
  readonly host: string
  readonly port: number
  readonly database: string | undefined
  readonly budget: Pick<Budget, 'balance'>
  readonly gate: Pick<Gate, 'down'>
}

/** One for all copies of this package in a process. */
const registry = Symbol.for('reprise.known.2')

interface Known {
  readonly servers: Set<WeakRef<KnownServer>>
  /** A thousand tenants leave nothing behind, also where nobody measures. */
  readonly gone: FinalizationRegistry<WeakRef<KnownServer>>
}

function known(): Known {
  const global = globalThis as { [registry]?: Known }
  if (global[registry] === undefined) {
    const servers = new Set<WeakRef<KnownServer>>()
    global[registry] = { servers, gone: new FinalizationRegistry((entry) => servers.delete(entry)) }
  }
  return global[registry]
}

/** Lets {@link knownServers} find a server, which has to be held by somebody else: a session does. */
export function remember(server: KnownServer): void {
  const { servers, gone } = known()
  const entry = new WeakRef(server)
  servers.add(entry)
  gone.register(server, entry)
}

/** The servers there are, for whoever measures: how much may still be done again, and who is down. */
export function knownServers(): readonly KnownServer[] {
  return [...known().servers].flatMap((entry) => entry.deref() ?? [])
}
