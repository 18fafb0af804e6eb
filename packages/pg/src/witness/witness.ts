import type { Connection } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import { bytesOf } from '../connection/instant.ts'
import type { Raw, Wire } from '../connection/wire.ts'
import { markedText, newMark } from './backend.ts'
import { leaveToken, type Token } from './token.ts'

/** Who executes the transaction, known before its commit can start. */
export interface Witness {
  /** The backend at the other end. */
  readonly backend: Backend
  /** Null when the transaction has written nothing, so that nothing of it can be lost. */
  readonly xid: string | null
  /**
   * When the transaction began: now() by {@link bytesOf}. Undefined where nothing of it will ever be
   * replayed.
   */
  readonly began: string | undefined
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

/*
 * What a witness costs on the hot path was measured by CPU: us of the backend and of the client over the
 * statement without one, raw protocol, one connection, medians of 100 paired rounds of 400 statements
 * (PostgreSQL 18, 2 cores with neighbours). An autocommit insert of 38 + 23 us, with Flush:
 *
 *   three columns, two of them cast, one to_json(now())   12.5 + 5.3
 *   the id and now() in hexadecimal                        9.5 + 5.5
 *   the id alone                                           7.6 + 5.2
 *   Flush and no witness                                   4.3 + 3.9
 *
 * Between text and binary results of the id there was no difference to be seen (9.6 + 4.7 to 9.1 + 5.0),
 * nor did PortalSuspended in place of its CommandComplete save anything (9.3 + 4.9); pg-protocol makes a
 * string of every column, whatever its format. FunctionCall is a Sync as well (postgres.c), so it cannot
 * ride. In a transaction the id with now() is 0.5 us more than the id alone, to_json() 3 us more.
 */
const ids = {
  assigned: 'pg_catalog.pg_current_xact_id_if_assigned()',
  drawn:
    'CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.pg_current_xact_id() END',
}
const time = bytesOf('pg_catalog.now()')
const pid = 'pg_catalog.pg_backend_pid()'

/** What is asked where who is at the other end is known: the id, or the id and the time. */
const forms = {
  id: { name: 'reprise_witness', text: `SELECT ${ids.assigned}` },
  timed: { name: 'reprise_witness_timed', text: `SELECT ${ids.assigned}, ${time}` },
} as const

/** What is asked for each ride: only a transaction that goes on may have to be replayed. */
const formOf: { readonly [R in Ride]: keyof typeof forms } = {
  none: 'id',
  behind: 'timed',
  flushed: 'id',
  held: 'id',
  ahead: 'id',
  awaited: 'id',
}

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

const flush = frame('H', '')
const sync = frame('S', '')

/** Bind and Execute of the prepared witness with what follows, by ride. */
const prepared: { readonly [R in Ride]: Buffer } = {
  none: Buffer.alloc(0),
  behind: Buffer.concat([execution('behind'), sync]),
  flushed: Buffer.concat([execution('flushed'), flush, sync]),
  held: Buffer.concat([execution('held'), flush]),
  ahead: Buffer.concat([execution('ahead'), flush]),
  awaited: Buffer.concat([execution('awaited'), flush]),
}

function execution(ride: Ride): Buffer {
  const { name } = forms[formOf[ride]]
  return Buffer.concat([frame('B', `\0${name}\0\0\0\0\0\0\0`), frame('E', '\0\0\0\0\0')])
}

/** A frame of the protocol: its letter, the length of the rest, the rest. */
function frame(type: string, body: string): Buffer {
  const bytes = Buffer.from(`${type}\0\0\0\0${body}`, 'latin1')
  bytes.writeInt32BE(bytes.length - 1, 1)
  return bytes
}

/** Asks who is at the other end, ahead of a statement; the answer comes before that of the statement. */
export function writeIdentity(wire: Wire, connection: Connection): void {
  const mark = newMark()
  connection.mark = mark
  wire.parse({ text: markedText(mark) })
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
  const form = formOf[ride]
  if (connection.prepared[form] && !draw) {
    // The hot path: nothing in it ever changes, so it is one ready-made piece.
    if (wire.stream.writable) wire.stream.write(prepared[ride])
    return
  }
  if (draw || identify || !connection.direct || !connection.preparing) {
    wire.parse({ text: `SELECT ${draw ? ids.drawn : ids.assigned}, ${time}, ${pid}` })
    wire.bind({})
  } else {
    const { name, text } = forms[form]
    // Closing what does not exist is no error, parsing what exists is one.
    wire.close({ type: 'S', name })
    wire.parse({ text, name })
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
  { ride }: Riding,
): Witness {
  const [xid, began, pid] = row
  // Where the process is asked for, it may be another than the connection's, or has no name for this.
  if (pid === undefined) connection.prepared[formOf[ride]] = true
  const told = pid === undefined || Number(pid) === backend.pid
  return {
    backend: told ? backend : { ...backend, pid: Number(pid) },
    xid: typeof xid === 'string' ? xid : null,
    began: typeof began === 'string' ? began : undefined,
  }
}
