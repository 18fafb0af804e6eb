import { bytesOf, instantOf } from './instant.ts'

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
   * How far its log was written, as a number. What takes it back is a copy of its data that was made
   * before, or the crash of a whole machine, and then not far. Null on a standby.
   */
  readonly written: bigint | null
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

const written = 'pg_catalog.pg_current_wal_lsn()'

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
 ELSE pg_catalog.concat(pg_catalog.pg_walfile_name(${written}), ' ', ${written}) END,
 (SELECT ${bytesOf('stats_reset')} FROM pg_catalog.pg_stat_get_wal()),
 ${postmasterColumn}`

/** Reads what {@link incarnationColumns} answered. */
export function readIncarnation(columns: readonly unknown[]): Incarnation {
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  const [file, position = ''] = text(columns[1])?.split(' ') ?? []
  return {
    system: text(columns[0]),
    // The first eight digits of the name of a WAL file (xlog_internal.h XLogFileName).
    timeline: file?.slice(0, 8) ?? null,
    written: positionOf(position),
    crash: text(columns[2]),
    postmaster: text(columns[3]),
  }
}

/** Two numbers of 32 bits, in hexadecimal (pg_lsn.c pg_lsn_out). */
function positionOf(text: string): bigint | null {
  const [, high, low] = /^([0-9A-F]+)\/([0-9A-F]+)$/.exec(text) ?? []
  if (high === undefined || low === undefined) return null
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/**
 * Whether what a backend has durably committed can be seen here.
 *
 * A copy of its server has the same system and the same timeline. It is none of ours if it was up already
 * while the backend worked elsewhere, or if its log ends before that of which the backend knew.
 */
export function sameHistory(
  { began, incarnation: then }: Pick<Backend, 'began' | 'incarnation'>,
  now: Incarnation,
): boolean {
  if (then.system === null || then.system !== now.system) return false
  if (then.timeline === null || then.timeline !== now.timeline) return false
  if (then.written !== null && now.written !== null && now.written < then.written) return false
  if (then.postmaster === now.postmaster) return true
  const started = instantOf(now.postmaster ?? undefined)
  return started !== undefined && started > began
}

/** Whether two readings are of one life of one server, from a start to a stop or a crash. */
export function sameIncarnation(a: Incarnation, b: Incarnation): boolean {
  return (
    a.system !== null &&
    a.system === b.system &&
    a.timeline !== null &&
    a.timeline === b.timeline &&
    a.crash !== null &&
    a.crash === b.crash &&
    a.postmaster !== null &&
    a.postmaster === b.postmaster
  )
}

/** Whether a server has crashed since, so that ids which had not reached the disk are handed out again. */
export function hasCrashed(then: Incarnation, now: Incarnation): boolean {
  return then.crash !== null && now.crash !== null && then.crash !== now.crash
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
