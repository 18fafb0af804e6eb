import type { Connection } from './connection.ts'
import { type Incarnation, incarnationColumns, readIncarnation } from './incarnation.ts'
import { leaveToken, type Token } from './token.ts'
import type { Raw, Wire } from './wire.ts'

/**
 * Who executes the transaction, known before its commit can start. `xid` is null when the
 * transaction has written nothing, so that nothing of it can be lost.
 */
export interface Witness {
  readonly xid: string | null
  readonly pid: number
  readonly incarnation: Incarnation
  /** When the transaction began: now(), so written that every DateStyle reads it the same way. */
  readonly began: string
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
const rest = 'pg_catalog.pg_backend_pid()::text, pg_catalog.to_json(pg_catalog.now())::text'
const assigned = `SELECT pg_catalog.pg_current_xact_id_if_assigned()::text, ${rest}`
const drawn = `SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
 ELSE pg_catalog.pg_current_xact_id() END::text, ${rest}`

/** What the witness rides with. */
export interface Riding {
  readonly ride: Ride
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

/**
 * Writes the witness query, and what its ride ends with. The first on a connection also asks which
 * incarnation this is; the later ones are prepared by name, unless a pooler may hand each transaction
 * to another backend.
 */
export function writeWitness(wire: Wire, connection: Connection, exchange: Riding): void {
  const { ride, draw, token } = exchange
  if (token !== undefined) {
    wire.parse({ text: leaveToken(token) })
    wire.bind({})
    wire.execute({})
  }
  const first = connection.incarnation === undefined
  if (connection.witnessPrepared && !draw) {
    // The hot path: nothing in it ever changes, so it is one ready-made piece.
    if (wire.stream.writable) wire.stream.write(prepared[ride])
    return
  }
  if (first || draw || !connection.direct || !connection.preparing) {
    const text = draw ? drawn : assigned
    wire.parse({ text: first ? `${text},\n ${incarnationColumns}` : text })
    wire.bind({})
  } else {
    // Closing what does not exist is no error, parsing what exists is one.
    wire.close({ type: 'S', name })
    wire.parse({ text: assigned, name })
    wire.bind({ statement: name })
  }
  wire.execute({})
  if (ride !== 'behind') wire.flush()
  if (ride === 'behind' || ride === 'flushed') wire.sync()
}

/** Reads the witness's row, and keeps what it says of the connection. */
export function readWitness(
  row: readonly Raw[],
  connection: Connection,
  { draw }: Riding,
): Witness {
  const process = Number(row[1])
  if (connection.incarnation === undefined) {
    connection.incarnation = readIncarnation(row.slice(3))
    connection.direct = connection.client.processID === process
  } else if (connection.direct && connection.preparing && !draw) {
    connection.witnessPrepared = true
  }
  return {
    xid: typeof row[0] === 'string' ? row[0] : null,
    pid: process,
    incarnation: connection.incarnation,
    began: String(row[2]).slice(1, -1),
  }
}
