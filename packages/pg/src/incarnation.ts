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
}

/**
 * The select list that reads an {@link Incarnation}, in the order of {@link readIncarnation}. All of
 * it is readable by an ordinary role. pg_current_wal_lsn() raises on a standby, hence the CASE.
 */
export const incarnationColumns = `(SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
 CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
 ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END,
 (SELECT extract(epoch FROM stats_reset)::text FROM pg_catalog.pg_stat_wal)`

/** Reads what {@link incarnationColumns} answered. */
export function readIncarnation(columns: readonly unknown[]): Incarnation {
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  return { system: text(columns[0]), timeline: text(columns[1]), crash: text(columns[2]) }
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
