import type { Raw, ReportMessage } from '../connection/wire.ts'
import type { Exchange } from './exchange.ts'

/**
 * How two runs of a statement compare for whoever got the answer of the first:
 *
 * - `equal`: frame by frame the same.
 * - `reordered`: the same but for the order of its rows.
 * - `other`: anything else, and whatever was not recorded to its end.
 */
export type Likeness = 'equal' | 'reordered' | 'other'

/** Compares the answers that two runs of a statement got. */
export function compare(a: Exchange, b: Exchange): Likeness {
  const same =
    a.tag === b.tag &&
    sameError(a.error, b.error) &&
    sameNotices(a.notices, b.notices) &&
    sameShape(a, b) &&
    sameEnds(a.ends, b.ends)
  return same && a.taped !== undefined && b.taped !== undefined
    ? compareRows(a.taped, b.taped)
    : 'other'
}

/**
 * The fields of an ErrorResponse or a NoticeResponse that say what happened and to what. `severity` is
 * the same word in the same language, since lc_messages is part of the session. `position` counts as
 * well: Keep rewrites no statement that failed. Left out are `file`, `line` and `routine`: they name a
 * place in the server's source, which is another after a minor upgrade.
 */
const fields = [
  'code',
  'severity',
  'message',
  'detail',
  'hint',
  'constraint',
  'schema',
  'table',
  'column',
  'dataType',
  'where',
  'internalQuery',
  'internalPosition',
  'position',
] as const

/** Whether two reports tell the application the same. */
export function sameReport(a: ReportMessage, b: ReportMessage): boolean {
  return fields.every((field) => read(a, field) === read(b, field))
}

function read(report: ReportMessage, field: string): unknown {
  return (report as unknown as Record<string, unknown>)[field] ?? undefined
}

function sameError(a: ReportMessage | undefined, b: ReportMessage | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameReport(a, b)
}

/**
 * What a server configured to do so tells of any statement, from the same places in its source
 * (postgres.c, autoexplain.c, proc.c, fd.c): how long it took, what it was, how it was planned, whom it
 * waited for. It differs from run to run and is nobody's answer. It reaches a client only by
 * client_min_messages = log.
 */
const chatter: ReadonlySet<string> = new Set([
  'ProcSleep',
  'ReportTemporaryFileUsage',
  'ShowUsage',
  'exec_bind_message',
  'exec_execute_message',
  'exec_parse_message',
  'exec_simple_query',
  'explain_ExecutorEnd',
])

/**
 * Whether a notice is no part of an answer: an end that is announced (57P01, 57P02), which is about the
 * connection, or the server's chatter. Whatever was raised on purpose, by RAISE, counts always.
 */
export function isChatter({ code, routine }: ReportMessage): boolean {
  if (routine === 'exec_stmt_raise') return false
  if (code === '57P01' || code === '57P02') return true
  return code === '00000' && chatter.has(routine ?? '')
}

/** What a notice takes on a tape, about, in bytes. */
export function sizeOf(report: ReportMessage): number {
  let size = 256
  for (const field of fields) {
    const value = read(report, field)
    if (typeof value === 'string') size += value.length
  }
  return size
}

function sameNotices(a: readonly ReportMessage[] = [], b: readonly ReportMessage[] = []): boolean {
  return a.length === b.length && a.every((notice, i) => sameError(notice, b[i]))
}

function sameShape(a: Exchange, b: Exchange): boolean {
  const ours = a.shape ?? []
  const theirs = b.shape ?? []
  return (
    ours.length === theirs.length &&
    ours.every((field, i) => {
      const other = theirs[i]
      return (
        field.name === other?.name &&
        field.dataTypeID === other.dataTypeID &&
        field.format === other.format
      )
    })
  )
}

/** Each result of a text with several statements begins and ends where it did. */
function sameEnds(a: readonly number[] = [], b: readonly number[] = []): boolean {
  return a.length === b.length && a.every((end, i) => end === b[i])
}

function compareRows(a: readonly Raw[][], b: readonly Raw[][]): Likeness {
  if (a.length !== b.length) return 'other'
  if (a.every((row, i) => sameRow(row, b[i] ?? []))) return 'equal'
  const ours = keys(a)
  const theirs = keys(b)
  return ours.every((key, i) => key === theirs[i]) ? 'reordered' : 'other'
}

function keys(rows: readonly Raw[][]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort()
}

function sameRow(a: readonly Raw[], b: readonly Raw[]): boolean {
  return (
    a.length === b.length &&
    a.every((value, i) => {
      const other = b[i]
      return (
        value === other || (Buffer.isBuffer(value) && Buffer.isBuffer(other) && value.equals(other))
      )
    })
  )
}
