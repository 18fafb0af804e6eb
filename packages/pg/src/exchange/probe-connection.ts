import type { Deadline } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'

/** A connection over which others are asked after, by several at once. */
export interface ProbeConnection {
  readonly connection: Connection
  /** Asks in turn. */
  readonly ask: Inquiry
  /** Ends with it whatever is asked. */
  readonly deadline: Deadline
}
