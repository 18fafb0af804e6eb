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

/**
 * Writes the witness query. The first on a connection also asks which incarnation this is; the later
 * ones are prepared by name, unless a pooler may hand each transaction to another backend.
 *
 * @param draw draws a transaction id when there is none yet: for what gets one only while committing
 * @param token is left in its table before
 */
export function writeWitness(
  wire: Wire,
  connection: Connection,
  draw: boolean,
  token: Token | undefined,
): void {
  if (token !== undefined) {
    wire.parse({ text: leaveToken(token) })
    wire.bind({})
    wire.execute({})
  }
  const first = connection.incarnation === undefined
  if (first || draw || !connection.direct) {
    const text = draw ? drawn : assigned
    wire.parse({ text: first ? `${text},\n ${incarnationColumns}` : text })
    wire.bind({})
  } else {
    if (!connection.witnessPrepared) {
      // Closing what does not exist is no error, parsing what exists is one.
      wire.close({ type: 'S', name })
      wire.parse({ text: assigned, name })
    }
    wire.bind({ statement: name })
  }
  wire.execute({})
}

/**
 * Reads the witness's row, and keeps what it says of the connection.
 *
 * @param draw as it was written
 */
export function readWitness(row: readonly Raw[], connection: Connection, draw: boolean): Witness {
  const process = Number(row[1])
  if (connection.incarnation === undefined) {
    connection.incarnation = readIncarnation(row.slice(3))
    connection.direct = connection.client.processID === process
  } else if (connection.direct && !draw) {
    connection.witnessPrepared = true
  }
  return {
    xid: typeof row[0] === 'string' ? row[0] : null,
    pid: process,
    incarnation: connection.incarnation,
    began: String(row[2]).slice(1, -1),
  }
}
