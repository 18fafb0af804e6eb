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
const registry = Symbol.for('reprise.known.1')

function held(): Set<WeakRef<KnownServer>> {
  const global = globalThis as { [registry]?: Set<WeakRef<KnownServer>> }
  global[registry] ??= new Set()
  return global[registry]
}

/** Makes a server known for as long as anybody else holds it. */
export function remember(server: KnownServer): void {
  held().add(new WeakRef(server))
}

/** The servers there are, for whoever measures: how much may still be done again, and who is down. */
export function knownServers(): readonly KnownServer[] {
  const found: KnownServer[] = []
  for (const entry of held()) {
    const server = entry.deref()
    if (server === undefined) held().delete(entry)
    else found.push(server)
  }
  return found
}
