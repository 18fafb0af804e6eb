import type { Statement } from '../sql/statement.ts'

/** The status byte of ReadyForQuery: idle, in a transaction, in a failed transaction. */
export type TransactionStatus = 'I' | 'T' | 'E'

/**
 * The fields of an ErrorResponse or NoticeResponse that do not depend on the server's language.
 * `file` and `routine` name the place in the server's source that raised it; a pooler that makes up
 * an error of its own has none to give.
 */
export interface Report {
  readonly code?: string | undefined
  readonly file?: string | undefined
  readonly routine?: string | undefined
  /** Localised by `lc_messages`: for people, never for decisions. */
  readonly severity?: string | undefined
}

/** All that was sent and seen of one exchange, up to the end of its connection. */
export interface Evidence {
  /** Whether the frames were handed to the socket. */
  readonly submitted: boolean
  /** Whether the Sync that starts the implicit commit is still in our hands. */
  readonly syncHeld: boolean
  /**
   * Whether a statement of ours was pipelined between the caller's and the Sync, and has not been
   * answered: frames come in order, so whatever came instead came before the Sync was read.
   */
  readonly witnessPending: boolean
  /**
   * Whether the end of what was sent never wholly left this machine: the very write that carried it
   * failed (a socket error whose syscall is `write`). For an extended exchange that end is the Sync.
   */
  readonly unsent: boolean
  /** Whether all of it was one message, a simple Query: then the server runs the whole or nothing. */
  readonly simple: boolean
  /** The transaction status that the frames met. */
  readonly status: TransactionStatus
  readonly statement: Statement
  /** The last CommandComplete that belongs to the caller's statements. */
  readonly tag: string | undefined
  /** How many such CommandCompletes were seen. */
  readonly tags: number
  /** The first ErrorResponse; a pooler may append one of its own. */
  readonly error: Report | undefined
  /** A notice that announced the end (57P01, 57P02), if one was seen. */
  readonly notice: Report | undefined
  /** Whether the server reports itself a standby; undefined where it reports nothing. */
  readonly standby?: boolean | undefined
  /** How the socket ended, in Node's words: `ECONNRESET`, `EPIPE`, … `EOF` when it just closed. */
  readonly socket: string | undefined
}

/**
 * Whether a report was raised by a PostgreSQL backend itself. elog.c (`errfinish`,
 * `send_message_to_frontend`) always adds file and routine; PgBouncer's own errors have neither.
 */
export function isGenuine(report: Report | undefined): boolean {
  return (
    report !== undefined &&
    typeof report.file === 'string' &&
    report.file.endsWith('.c') &&
    typeof report.routine === 'string' &&
    report.routine.length > 0
  )
}

/** Where the errors of a conflict with recovery come from: ProcessInterrupts, CheckRecoveryConflictDeadlock. */
const conflicts: Readonly<Record<string, string>> = { '40001': 'postgres.c', '40P01': 'standby.c' }

/**
 * Whether a standby ended a statement or a session because its recovery had to go on: an ERROR, or where
 * that is not enough a FATAL, by the same code. Elsewhere these codes are the application's: a
 * serialization failure is raised in predicate.c and heapam.c, a deadlock in deadlock.c.
 */
export function isRecoveryConflict(
  report: Report | undefined,
  standby: boolean | undefined,
): boolean {
  return standby === true && isGenuine(report) && conflicts[report?.code ?? ''] === report?.file
}
