import type { RepriseOptions } from '@reprise/core'
import type { SubjectName } from '../subjects/index.ts'

/** What a lane does all the time. */
export interface Workload {
  /** How many callers work side by side. */
  readonly workers: number
  /** Accounts 1 to this many have money. */
  readonly accounts: number
  /** Every caller starts its next piece of work this long after the last, or when that is done. 0: at once. */
  readonly periodMs: number
  /** A transfer thinks up to this long between what it reads and what it writes. */
  readonly thinkMs: number
  /** Of a hundred pieces of work, how many are a single insert that commits by itself. */
  readonly insertPercent: number
}

/** Everything the process of a lane has to know. */
export interface LaneOrder {
  readonly subject: SubjectName
  readonly url: string
  /** The options of Reprise, or `false` for the client as it comes. */
  readonly reprise: RepriseOptions | false
  /** Try again whatever looks like a lost connection, as applications do on their own. */
  readonly naiveRetry?: boolean
  /** Reprise by the client's own door, and transactions that may be run again, instead of the line at the pool. */
  readonly door?: boolean
  readonly workload: Workload
  readonly seed: number
}

/** What the application was told about work that failed. */
export interface Failure {
  readonly message: string
  /** The SQLSTATE or system error, where there was one. */
  readonly code?: string | undefined
  /** What the error says became of the work: an outcome of Reprise, if any. */
  readonly outcome?: string | undefined
  /** Why Reprise did not mend it, if it says so. */
  readonly reason?: string | undefined
}

/** From us to the process of a lane. */
export type ToLane =
  | { readonly is: 'order'; readonly order: LaneOrder }
  | { readonly is: 'go' }
  | { readonly is: 'stop' }

/** From the process of a lane to us. */
export type FromLane =
  /** The client could not be opened; it is tried again. */
  | { readonly is: 'refused'; readonly failure: Failure }
  | { readonly is: 'ready' }
  | { readonly is: 'began'; readonly token: string }
  | { readonly is: 'acknowledged'; readonly token: string }
  | { readonly is: 'failed'; readonly token: string; readonly failure: Failure }
  /** After `stop`: all work is settled. What is left is to close the client; then the process ends. */
  | { readonly is: 'settled' }
