import type { Outcome } from './loss/outcome.ts'
import type { Condition } from './loss/sqlstate.ts'

/** Which session an event is of, and where its server is. */
export interface FromSession {
  /** Counts the sessions of this process, from 1. */
  readonly session: number
  readonly host: string
  readonly port: number
  readonly database: string | undefined
  readonly applicationName: string | undefined
  /** The option `poolName` of the call of reprise() that made the session. */
  readonly poolName: string | undefined
}

/** How the end of a connection found the work of its session. */
export interface LossEvent extends FromSession {
  readonly condition: Condition
  readonly sqlstate: string
  /**
   * What the loss proves of the work in flight; of all of the transaction where one was open.
   * `not-sent` where there was neither.
   */
  readonly outcome: Outcome
  readonly evidence: 'frame' | 'socket'
  /** Whether nothing was in flight. */
  readonly idle: boolean
  readonly inTransaction: boolean
}

/** What each channel of `node:diagnostics_channel` carries. Durations are milliseconds. */
export interface Events {
  /** A connection ended that was not told to. */
  'reprise:loss': LossEvent
  /**
   * Work that was lost, or found its connection lost, was carried to its end: one for each such work,
   * when it is over. Said in the asynchronous context in which the work was asked for, if somebody
   * listened to this channel then.
   */
  'reprise:recovery': LossEvent & {
    /**
     * What mended it: a `replay` of its transaction, a `repeat` of the statement alone, a new
     * connection for what had not been sent (`reconnect`), or an `answer` that was known or found out.
     */
    readonly by: 'replay' | 'repeat' | 'reconnect' | 'answer'
    /** What the caller was told, by an error, became of the work; undefined where it was mended. */
    readonly surfaced: Outcome | undefined
    /** The SQLSTATE of that error. */
    readonly code: string | undefined
    /** How often the work, or its preparation, was lost. */
    readonly attempts: number
    /** How many statements of its transaction were executed again and compared, the last time. */
    readonly statements: number
    readonly duration: number
  }
  /** A new connection carries the session on. */
  'reprise:reconnect': FromSession & { readonly attempts: number; readonly duration: number }
  /** A session has waited for its server for 2 s, and for each 10 s more. */
  'reprise:waiting': FromSession & {
    /** The code of the last failure to connect, such as ECONNREFUSED or 57P03, if there was one. */
    readonly cause: string | undefined
    /** What is left of the deadline. */
    readonly left: number
  }
  /** The open transaction was executed again. */
  'reprise:replay': FromSession & {
    readonly statements: number
    readonly diverged: boolean
    readonly duration: number
  }
  /** The server was asked what became of a transaction. */
  'reprise:resolve': FromSession & { readonly outcome: Outcome; readonly duration: number }
  /** A callback was run again. */
  'reprise:rerun': {
    readonly attempt: number
    readonly condition: Condition
    readonly outcome: Outcome
    /** Whether for a loss, which `reprise:surface` told of, and not because the server refused it. */
    readonly lost: boolean
    readonly poolName: string | undefined
  }
  /** A loss reached the caller. */
  'reprise:surface': FromSession & {
    readonly condition: Condition
    readonly outcome: Outcome
    readonly code: string
    readonly attempts: number
    readonly advice: string
  }
  /** Something the operator should know, said once. */
  'reprise:advice': {
    readonly session?: number
    readonly poolName?: string | undefined
    readonly advice: string
  }
}
