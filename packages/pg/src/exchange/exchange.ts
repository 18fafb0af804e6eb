import type { Evidence, Statement, TransactionStatus, Unit } from '@reprise/core'
import type { FieldDef } from 'pg'
import type { Connection, InFlight } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import type { PgQuery, QueryCallback, QueryConfig, Raw, ReportMessage } from '../connection/wire.ts'
import type { Token } from '../witness/token.ts'
import type { Ride, Witness } from '../witness/witness.ts'

/** Who hears how an exchange ended. Told exactly once per run. */
export interface ExchangeOwner {
  settled(exchange: Exchange, connection: Connection): void
}

/** Runs a function in the asynchronous context of something else. */
export type Within = <R>(run: () => R) => R

/**
 * How an exchange ended: by ReadyForQuery, with its connection, or before it was sent because pg
 * refused it.
 */
export type Ending = 'ready' | 'lost' | 'refused'

/** One query's frames, both ways: the pg.Query that is sent is itself the evidence. */
export interface Exchange extends PgQuery, InFlight {
  owner: ExchangeOwner
  statement: Statement
  ride: Ride
  /** Whether it first asks who is at the other end. */
  identify: boolean
  /**
   * Whether it goes in a READ ONLY transaction of its own, in the same write: the only way in which
   * what may have been executed is executed again.
   */
  guarded: boolean
  /** Whether the witness has to draw a transaction id. */
  draw: boolean
  /** What is left in the table of tokens, if one is used. */
  token: Token | undefined
  /** Bytes that its rows may take on the tape; 0 when it is not taped. */
  tapeLimit: number
  /** The raw rows, while taped; undefined when there were more than the tape can hold. */
  taped: Raw[][] | undefined
  tapedBytes: number
  /** The row descriptions seen, for the comparison with a replay. */
  shape: FieldDef[] | undefined
  /**
   * Of a text with several statements, while taped: how many rows and fields there were in all at the
   * end of each result.
   */
  ends: number[] | undefined
  /** The notices that belong to the answer, in order. */
  notices: ReportMessage[] | undefined
  /** Those that the application heard of earlier runs of the same work. */
  heard: readonly ReportMessage[] | undefined
  /** Whether it is the session's own: the application hears nothing of it, and its parsers see nothing. */
  muted: boolean
  submitted: boolean
  /** Whether its caller does not wait for a server that is down. */
  failFast: boolean
  /** When it was submitted, on the monotonic clock. */
  startedAt: number
  syncHeld: boolean
  /** The transaction status it met. */
  before: TransactionStatus
  /** All CommandComplete tags, joined by semicolons. */
  tag: string | undefined
  tags: number
  /** The first ErrorResponse. */
  error: ReportMessage | undefined
  /** Whether the error answered what the session had sent along, and not the statement. */
  ownFailed: boolean
  witness: Witness | undefined
  /** Who executes it, where it asked. */
  backend: Backend | undefined
  /** Why pg would not send it. */
  refusal: Error | undefined
  ending: Ending | undefined
  /** How often its work, or the preparation of it, was lost so far. */
  losses: number
  /** How often it was lost in flight. */
  lostInFlight: number
  /** How often the server crashed while it was in flight. */
  crashes: number
  /** How many statements of its transaction were executed again for it, the last time. */
  replayed: number
  /** The asynchronous context in which it was asked for, where somebody wants to know. */
  within: Within | undefined
  /** For a COMMIT: the re-runnable callback that it ends. */
  unit: Unit | undefined
  /** Puts it in the hands of a connection. */
  run(connection: Connection): void
  evidence(connection: Connection): Evidence
  /** Hands the result, or an error, to the caller. */
  deliver(error?: Error): void
  /** Makes up the answer that the server gave but could not bring us, or would have given. */
  answer(tag: string): void
  /** The same work, ready to be sent once more. */
  again(): Exchange
  /** Drops what only the caller needs. */
  trim(): void
}

export type ExchangeClass = new (
  config: string | QueryConfig,
  values?: unknown[] | QueryCallback,
  callback?: QueryCallback,
) => Exchange
