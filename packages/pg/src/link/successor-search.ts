import { clock, Deadline, fullJitter } from '@reprise/core'
import type { ClientConfig } from 'pg'
import { aim, placeOf } from '../connection/address.ts'
import { Connection } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Successor, SuccessorSearch } from '../exchange/servers.ts'
import type { Shared } from '../exchange/shared.ts'
import { identify } from '../witness/backend.ts'
import { attempt } from './attempt.ts'
import type { Stop } from './stops.ts'
import { requireTarget } from './target.ts'

/** How long a look at one server may take, and how long it is at the most to the next, in milliseconds. */
const longestLook = 1000
const between = 500

/**
 * Looks at the other servers of a list, again and again, while one says nothing: a primary that stands still
 * keeps its sockets, so nothing tells its clients that another was promoted.
 */
export class ListSearch implements SuccessorSearch {
  /** Undefined when it is stopped before there is one. */
  readonly found: Promise<Successor | undefined>
  readonly #stop = new AbortController()

  /** @param stops all servers but the silent one */
  constructor(
    stops: () => Promise<readonly Stop[]>,
    shared: Shared,
    config: string | ClientConfig | undefined,
  ) {
    this.found = this.#look(stops, shared, config).catch(() => undefined)
  }

  stop(): void {
    this.#stop.abort()
  }

  async #look(
    stops: () => Promise<readonly Stop[]>,
    shared: Shared,
    config: string | ClientConfig | undefined,
  ): Promise<Successor | undefined> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      for (const stop of await stops()) {
        const found = signal.aborted ? undefined : await lookAt(stop, shared, config)
        if (found !== undefined) return found
      }
      await clock
        .pause(fullJitter(1, { base: between }), undefined, { signal })
        .catch(() => undefined)
    }
    return undefined
  }
}

/** Looks at one, unless it is not time to knock there; never waits for it. */
async function lookAt(
  { address, unresolved }: Stop,
  shared: Shared,
  config: string | ClientConfig | undefined,
): Promise<Successor | undefined> {
  if (unresolved !== undefined) return undefined
  const connection = new Connection(shared.Base, config, { connectionEnded: () => undefined })
  const { client } = connection
  aim(client, address)
  const { gate } = shared.server(address, client)
  const pass = gate.enterAtOnce()
  if (pass === undefined) return undefined
  const deadline = new Deadline(longestLook)
  let backend: Backend | undefined
  const { tried, error, nobody } = await attempt(connection, deadline, {
    tryFor: 0,
    takesNo: true,
    proven: gate.proven,
    settle: async (opened) => {
      const ask = inquiry(shared.Exchange, opened, deadline.signal)
      await requireTarget(opened, 'primary', ask)
      backend = await identify(opened, ask)
    },
  })
  deadline.dispose()
  if (tried === 'missed') pass[nobody ? 'unanswered' : 'failed'](error)
  // It may only be slow.
  else if (tried === 'refused' || tried === 'given up') pass.abandoned()
  else pass.succeeded()
  if (connection.usable) void connection.end()
  return tried === 'connected' ? { place: placeOf(address), backend } : undefined
}
