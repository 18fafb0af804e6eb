import { clock, Deadline, type Gate } from '@reprise/core'
import type { ClientConfig } from 'pg'
import { type Address, addressOf, aim } from '../connection/address.ts'
import { Connection } from '../connection/connection.ts'
import { isPromoted } from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { inquiry } from '../exchange/ask.ts'
import type { ProbeConnection } from '../exchange/probe-connection.ts'
import type { Shared } from '../exchange/shared.ts'
import { fence, identify } from '../witness/backend.ts'
import { GaveUp, reconnect } from './reconnect.ts'
import type { Stop } from './stops.ts'

/** How long the backend must keep still between two looks at the most, in milliseconds. */
const stillFor = 1000

/** Our clock and the server's need not agree to the second about how old a connection is. */
const clockSlack = 2000

/** What a probe found; `unreachable`: no answer from the server for the whole deadline. */
export type Probed = 'alive' | 'half-open' | 'unreachable'

/**
 * Finds out over a connection of its own why another one is silent. It is half-open when its backend
 * is gone, or waits for us while we wait for it: idle, or active in a read from or a write to its
 * client. Such a backend is ended, so that it cannot hold locks or go on; one that is at work is left
 * alone, however long it takes.
 *
 * @returns `alive` also when that cannot be told: behind a pooler, whose process ids are its own, or
 *   without the right to look
 */
export async function probe(
  silent: Connection,
  shared: Shared,
  config: string | ClientConfig | undefined,
): Promise<Probed> {
  const { client } = silent
  const server = shared.server(addressOf(client), client)
  const still = Math.min(stillFor, shared.settings.probeAfter)
  try {
    const waits = await server.probe.use(
      () => open(shared, config, addressOf(client), server.gate, still),
      close,
      ({ connection, ask }) => waitsForUs(silent, connection, ask, still),
    )
    return waits ? 'half-open' : 'alive'
  } catch (error) {
    const code = (error as { cause?: { code?: unknown } }).cause?.code
    const unheard = typeof code !== 'string' || code.length !== 5
    return error instanceof GaveUp && unheard ? 'unreachable' : 'alive'
  }
}

/** A server that will not have another connection is not asked again at once: it is at work. */
async function open(
  shared: Shared,
  config: string | ClientConfig | undefined,
  address: Address,
  gate: Gate,
  still: number,
): Promise<ProbeConnection> {
  const reached = new Deadline(shared.settings.deadline)
  // There and nowhere else: what another server says of a process is about another process.
  const make = (): Connection => {
    const made = new Connection(shared.Base, config, { connectionEnded: () => undefined })
    aim(made.client, address)
    return made
  }
  const stops = async (): Promise<Stop[]> => [{ address, target: 'any', gate: undefined }]
  try {
    const search = { gate, tryFor: 0, takesNo: true, stops, make, settle: async () => undefined }
    const { connection } = await reconnect(search, reached)
    // Looking takes its time, however short a server that is down is waited for.
    const deadline = new Deadline(shared.settings.deadline + 2 * still)
    const plain = inquiry(shared.Exchange, connection, deadline.signal)
    let turn: Promise<unknown> = Promise.resolve()
    const ask: Inquiry = (text, values) => {
      const answer = turn.then(() => plain(text, values))
      turn = answer.catch(() => undefined)
      return answer
    }
    return { connection, ask, deadline }
  } finally {
    reached.dispose()
  }
}

function close({ connection, deadline }: ProbeConnection): void {
  deadline.dispose()
  if (connection.usable) void connection.end()
}

async function waitsForUs(
  silent: Connection,
  prober: Connection,
  ask: Inquiry,
  still: number,
): Promise<boolean> {
  const bytes = silent.bytesMoved
  const own = await ask('SELECT pg_catalog.pg_backend_pid()')
  const known = silent.backend?.incarnation
  const backend = known && (await identify(prober, ask))
  const here = backend?.incarnation
  // A balancer that keeps its old connections, or an address that has moved: that one answers nobody any more.
  if (silent.backend !== undefined && isPromoted(backend, silent.backend)) return true
  // Through a balancer or after a failover the question may have come to another server.
  if (here?.system !== known?.system || here?.postmaster !== known?.postmaster) return false
  const pid = silent.client.processID
  if (pid === null || Number(own.rows[0]?.[0]) !== prober.client.processID) return false
  const unmoved = (): boolean => silent.awaitsAnswer && silent.bytesMoved === bytes
  const before = await look(ask, pid, silent.age)
  if (before === 'at work' || !unmoved()) return false
  await clock.pause(still)
  const after = await look(ask, pid, silent.age)
  if (after !== before || !unmoved()) return false
  if (after !== 'gone' && silent.backend !== undefined) await fence(silent.backend, ask)
  return true
}

/** What a backend is at: gone, at work, or waiting since a certain moment. */
async function look(ask: Inquiry, pid: number, age: number): Promise<string> {
  const { rows } = await ask(
    `SELECT state, wait_event, pg_catalog.concat(state_change, backend_start),
 backend_start OPERATOR(pg_catalog.<=)
  (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => $2))
 FROM pg_catalog.pg_stat_activity WHERE pid OPERATOR(pg_catalog.=) CAST($1 AS integer)`,
    [pid, Math.max(0, age - clockSlack) / 1000],
  )
  const [row] = rows
  // A younger backend has only inherited the process id.
  if (row === undefined || row[3] === 'f') return 'gone'
  const [state, wait, since] = row
  if (typeof state !== 'string') return 'at work'
  const waits = state.startsWith('idle') || wait === 'ClientRead' || wait === 'ClientWrite'
  return waits ? `${state} ${wait} ${since}` : 'at work'
}
