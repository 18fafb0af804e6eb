import type { Connection } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import type { Raw, Wire } from '../connection/wire.ts'
import { identityText } from './backend.ts'
import { leaveToken, type Token } from './token.ts'

/**
 * Who executes the transaction, known before its commit can start. `xid` is null when the
 * transaction has written nothing, so that nothing of it can be lost. `began` is when the transaction
 * began: now().
 */
export interface Witness extends Backend {
  readonly xid: string | null
}

/**
 * How a witness rides along with a statement, in one write and, but for `held`, no round trip more:
 *
 * - `behind`: after the statement. Inside a transaction, where Sync does not commit.
 * - `flushed`: after the statement, and pushed to us by Flush before Sync starts the commit.
 * - `held`: as `flushed`, but Sync is sent only when the witness has arrived.
 * - `ahead`: before a COMMIT, pushed to us by Flush.
 * - `awaited`: before a COMMIT that is sent only when the witness has arrived: one round trip more.
 */
export type Ride = 'none' | 'behind' | 'flushed' | 'held' | 'ahead' | 'awaited'

const name = 'reprise_witness'
const rest = `CAST(pg_catalog.pg_backend_pid() AS pg_catalog.text),
 CAST(pg_catalog.to_json(pg_catalog.now()) AS pg_catalog.text)`
const assigned = `SELECT CAST(pg_catalog.pg_current_xact_id_if_assigned() AS pg_catalog.text), ${rest}`
const drawn = `SELECT CAST(CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
 ELSE pg_catalog.pg_current_xact_id() END AS pg_catalog.text), ${rest}`

/** What the witness rides with. */
export interface Riding {
  readonly ride: Ride
  /** Whether {@link writeIdentity} went before it. */
  readonly identify: boolean
  /** Whether it has to draw a transaction id: for what gets one only while committing. */
  readonly draw: boolean
  /** What is left in the table of tokens before it, if one is used. */
  readonly token: Token | undefined
}

const execution = Buffer.concat([frame('B', `\0${name}\0\0\0\0\0\0\0`), frame('E', '\0\0\0\0\0')])
const flush = frame('H', '')
const sync = frame('S', '')
const flushed = Buffer.concat([execution, flush])

/** Bind and Execute of the prepared witness with what follows, by ride. */
const prepared: { readonly [R in Ride]: Buffer } = {
  none: Buffer.alloc(0),
  behind: Buffer.concat([execution, sync]),
  flushed: Buffer.concat([flushed, sync]),
  held: flushed,
  ahead: flushed,
  awaited: flushed,
}

/** A frame of the protocol: its letter, the length of the rest, the rest. */
function frame(type: string, body: string): Buffer {
  const bytes = Buffer.from(`${type}\0\0\0\0${body}`, 'latin1')
  bytes.writeInt32BE(bytes.length - 1, 1)
  return bytes
}

/** Asks who is at the other end, ahead of a statement; the answer comes before that of the statement. */
export function writeIdentity(wire: Wire): void {
  wire.parse({ text: identityText })
  wire.bind({})
  wire.execute({})
  wire.flush()
}

/**
 * Writes the witness query, and what its ride ends with. It is prepared by name, unless a pooler may
 * hand each transaction to another backend.
 */
export function writeWitness(wire: Wire, connection: Connection, exchange: Riding): void {
  const { ride, draw, token, identify } = exchange
  if (token !== undefined) {
    wire.parse({ text: leaveToken(token) })
    wire.bind({})
    wire.execute({})
  }
  if (!connection.identifying) {
    settle(wire, ride)
    return
  }
  if (connection.witnessPrepared && !draw) {
    // The hot path: nothing in it ever changes, so it is one ready-made piece.
    if (wire.stream.writable) wire.stream.write(prepared[ride])
    return
  }
  if (draw || identify || !connection.direct || !connection.preparing) {
    wire.parse({ text: draw ? drawn : assigned })
    wire.bind({})
  } else {
    // Closing what does not exist is no error, parsing what exists is one.
    wire.close({ type: 'S', name })
    wire.parse({ text: assigned, name })
    wire.bind({ statement: name })
  }
  wire.execute({})
  settle(wire, ride)
}

/** Writes what a ride ends with. */
function settle(wire: Wire, ride: Ride): void {
  if (ride !== 'behind') wire.flush()
  if (ride === 'behind' || ride === 'flushed') wire.sync()
}

/**
 * Reads the witness's row, and keeps what it says of the connection.
 * @param backend who is at the other end, as {@link writeIdentity} was answered
 */
export function readWitness(
  row: readonly Raw[],
  connection: Connection,
  backend: Backend,
  { draw, identify }: Riding,
): Witness {
  const { direct, preparing } = connection
  if (direct && preparing && !draw && !identify) connection.witnessPrepared = true
  return {
    xid: typeof row[0] === 'string' ? row[0] : null,
    pid: Number(row[1]),
    incarnation: backend.incarnation,
    began: String(row[2]).slice(1, -1),
  }
}
