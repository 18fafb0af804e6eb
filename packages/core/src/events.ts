import { type Channel, channel } from 'node:diagnostics_channel'
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
}

/** What each channel of `node:diagnostics_channel` carries. Durations are milliseconds. */
export interface Events {
  /** A connection ended that was not told to. */
  'reprise:loss': FromSession & {
    readonly condition: Condition
    readonly sqlstate: string
    /** Of the work in flight; `not-sent` when there was none. */
    readonly outcome: Outcome
    readonly evidence: 'frame' | 'socket'
    readonly idle: boolean
    readonly inTransaction: boolean
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
  'reprise:advice': { readonly session?: number; readonly advice: string }
}

const channels: { readonly [N in keyof Events]: Channel } = {
  'reprise:loss': channel('reprise:loss'),
  'reprise:reconnect': channel('reprise:reconnect'),
  'reprise:waiting': channel('reprise:waiting'),
  'reprise:replay': channel('reprise:replay'),
  'reprise:resolve': channel('reprise:resolve'),
  'reprise:rerun': channel('reprise:rerun'),
  'reprise:surface': channel('reprise:surface'),
  'reprise:advice': channel('reprise:advice'),
}

/** Publishes an event, at the price of one property read when nobody listens. */
export function publish<N extends keyof Events>(name: N, event: Events[N]): void {
  const to = channels[name]
  if (to.hasSubscribers) to.publish(event)
}
