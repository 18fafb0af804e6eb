import { bytesOf } from './instant.ts'

/**
 * Which life of which server. A transaction id means nothing outside the one it was drawn in: after
 * a crash or on a promoted standby, ids that never reached the disk are handed out again.
 */
export interface Incarnation {
  /** pg_control_system().system_identifier: set by initdb. */
  readonly system: string | null
  /** The WAL timeline: changes with every promotion. Null on a standby. */
  readonly timeline: string | null
  /**
   * pg_stat_wal.stats_reset: changes with every crash restart, because statistics are thrown away
   * then (pgstat.c pgstat_reset_after_failure), and not with a clean restart.
   */
  readonly crash: string | null
  /**
   * pg_postmaster_start_time(): together with the system, it tells one server's process from its
   * replicas' and from every later start. It stays through a crash restart.
   */
  readonly postmaster: string | null
}

/**
 * A server process that works, or worked, for us, by what is enough to recognise it again and to end
 * no other: on that server, the process of that number that was there before the moment at which we
 * know it to have been ours.
 */
export interface Backend {
  readonly pid: number
  readonly incarnation: Incarnation
  /** A moment at which it was ours, by the server's clock, so written that every DateStyle reads it. */
  readonly began: string
}

/**
 * A server process that was asked who it is, and whose answer has not come: while the transaction in
 * which it was asked goes on, it holds an advisory lock of this number, which nobody else knows.
 */
export interface Marked {
  readonly mark: bigint
}

/** Asks for {@link Incarnation.system}. */
export const systemColumn =
  'SELECT CAST(system_identifier AS pg_catalog.text) FROM pg_catalog.pg_control_system()'

/** Asks for {@link Incarnation.postmaster}. */
export const postmasterColumn: string = bytesOf('pg_catalog.pg_postmaster_start_time()')

/**
 * The select list that reads an {@link Incarnation}, in the order of {@link readIncarnation}. All of
 * it is readable by an ordinary role. pg_current_wal_lsn() raises on a standby, hence the CASE.
 *
 * Whatever a new backend has to look up for the first time costs it 30 to 200 us of CPU, so this asks
 * for functions and not for views, and casts little: 590 us in place of 926 (with who and when; SELECT
 * 1 costs 140, the connection 1280; medians of 25 each).
 */
export const incarnationColumns: string = `(${systemColumn}),
 CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
 ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END,
 (SELECT ${bytesOf('stats_reset')} FROM pg_catalog.pg_stat_get_wal()),
 ${postmasterColumn}`

/** Reads what {@link incarnationColumns} answered. */
export function readIncarnation(columns: readonly unknown[]): Incarnation {
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  return {
    system: text(columns[0]),
    // The first eight digits of the name of a WAL file (xlog_internal.h XLogFileName).
    timeline: text(columns[1])?.slice(0, 8) ?? null,
    crash: text(columns[2]),
    postmaster: text(columns[3]),
  }
}

/** Whether two readings are of one history: what one durably committed, the other can see. */
export function sameHistory(a: Incarnation, b: Incarnation): boolean {
  return (
    a.system !== null && a.system === b.system && a.timeline !== null && a.timeline === b.timeline
  )
}

/** Whether no transaction id was handed out twice between two readings. */
export function sameIncarnation(a: Incarnation, b: Incarnation): boolean {
  return sameHistory(a, b) && a.crash !== null && a.crash === b.crash
}

/** Whether a server was promoted in the place of the one where a backend was: the same system, on a later timeline. */
export function isPromoted(now: Backend | undefined, then: Backend): boolean {
  const { system, timeline } = then.incarnation
  const later = now?.incarnation.timeline ?? null
  if (system === null || timeline === null || later === null) return false
  return (
    now?.incarnation.system === system && Number.parseInt(later, 16) > Number.parseInt(timeline, 16)
  )
}
