import type { Connection } from '../connection/connection.ts'
import type { ReportMessage } from '../connection/wire.ts'
import type { AnchorsOwner } from './lost-anchors.ts'

/** What a conversation tells the session it belongs to. */
export interface Listener extends AnchorsOwner {
  /** The work has its answer, and its caller is about to be told. */
  answered(): void
  /**
   * Nothing of the application's is under way, though the session has something to ask on its own account.
   * @returns whether its holder was told that all of it is delivered
   */
  drained(): boolean
  /** The work is delivered; the next may begin. `told` says that its holder was told of drained. */
  idle(told?: boolean): void
  /** What waits now belonged to a transaction that was never opened. Returns who tells it so. */
  abandoned(): (failure: Error) => void
  /** A connection that is about to be opened: whatever should hear of it is attached here. */
  adopt(connection: Connection): void
  /** A session that listens lost its connection while nothing was under way. */
  fellSilent(): void
  /** Whether nobody holds the session: it lies in its pool, or was told to end. */
  resting(): boolean
  /** A session that listens was without a connection for a while. */
  missedNotifications(): void
  /** The server gave notice of something that concerns the application. */
  noticed(notice: ReportMessage, connection: Connection): void
}
