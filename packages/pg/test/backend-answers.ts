import {
  bindComplete,
  type ClientFrame,
  closeComplete,
  commandComplete,
  dataRow,
  errorResponse,
  noData,
  noticeResponse,
  parseComplete,
  rowDescription,
} from '../../../test/kit/index.ts'

/** What the server says when the session asks it something. */
export interface Answers {
  xid: string | null
  /**
   * System identifier, timeline, crash marker, start of the postmaster: of all connections but the
   * first, or by the number of the connection.
   */
  incarnation: Look | ((number: number) => Look)
  /** What pg_xact_status says, one after the other; the last is repeated. */
  statuses: (string | null)[]
  /** Whether what it executes writes, so that a READ ONLY transaction is refused it. */
  writes: boolean
  /** Whether the server was started since the statement began. */
  restarted: boolean
  /** Whether a connection's process id is its backend's own, and no pooler's. */
  direct: boolean
  /**
   * What pg_stat_activity says of a silent backend, one after the other; the last is repeated: its
   * state, what it waits for, since when, and whether it is as old as its connection.
   */
  looks: (Look | undefined)[]
  /** What happens before each of these is answered; they are counted from 1. */
  looked(times: number): Promise<void>
  /** Whether it has a synchronous standby, and whether the session waits for it: `t` or `f`. */
  waits: Look
  /** Whether it gives up the wait for that. */
  gaveUp: boolean
  /** The statement that all connections but the first answer otherwise. */
  changes: string
  /** Whether a pooler stands before it, which brings another backend for each question. */
  pooled: boolean
}

/** A row about a backend. */
type Look = readonly (string | null)[]

const life = ['7000', '00000001', '1.5', '1000.5']

/** What it says if nothing else is wanted. */
export const usual: Answers = {
  xid: '700',
  incarnation: life,
  statuses: ['aborted'],
  writes: false,
  restarted: true,
  direct: false,
  looks: [undefined],
  looked: async () => undefined,
  waits: ['t', 't'],
  gaveUp: false,
  changes: '',
  pooled: false,
}

/** The answer to a flight of frames, but for its ReadyForQuery, on the connection of that number. */
export function replies(
  flight: readonly ClientFrame[],
  answers: Answers,
  number: number,
): Buffer[] {
  const out: Buffer[] = []
  let text = ''
  for (const frame of flight) {
    if (frame.type === 'P' || frame.type === 'Q') text = frame.text
    if (frame.type === 'B' && frame.body.includes('reprise_witness')) text = 'pg_current_xact_id'
    if (frame.type === 'P') out.push(parseComplete)
    if (frame.type === 'B') out.push(bindComplete)
    if (frame.type === 'C') out.push(closeComplete)
    if (frame.type === 'D') out.push(reads(text) ? rowDescription(['a']) : noData)
    if (frame.type === 'E') out.push(...reply(text, answers, number))
    if (text === 'BEGIN READ ONLY' && frame.type === 'E' && answers.writes) {
      // Behind an error everything is skipped up to the Sync.
      out.push(parseComplete, bindComplete, refusal)
      return out
    }
    if (frame.type !== 'Q') continue
    for (const one of text.split(';').map((each) => each.trim())) {
      if (reads(one)) out.push(rowDescription(['a']))
      out.push(...reply(one, answers, number))
    }
  }
  return out
}

const gaveUp = noticeResponse({
  S: 'WARNING',
  V: 'WARNING',
  C: '01000',
  M: 'canceling wait for synchronous replication due to user request',
  F: 'syncrep.c',
  L: '1',
  R: 'SyncRepWaitForLSN',
})

const refusal = errorResponse({
  S: 'ERROR',
  V: 'ERROR',
  C: '25006',
  M: 'cannot execute INSERT in a read-only transaction',
  F: 'utility.c',
  L: '1',
  R: 'PreventCommandIfReadOnly',
})

/** Whether the session asks it on its own account. */
export const isQuestion = (text: string): boolean => text.includes('pg_catalog.')
/** Whether it asks what a silent backend is at. */
export const isLook = (text: string): boolean => text.includes('WHERE pid = $1::int')
const asksIdentity = (text: string): boolean =>
  text.startsWith('SELECT CAST(pg_catalog.pg_backend_pid()')
const asksWitness = (text: string): boolean => text.includes('pg_current_xact_id')
const reads = (text: string): boolean => text.startsWith('SELECT')

function reply(text: string, answers: Answers, number: number): Buffer[] {
  if (!reads(text) && !asksWitness(text)) {
    const [verb = ''] = text.toUpperCase().split(/[\s(]/)
    return [commandComplete(verb === 'INSERT' ? 'INSERT 0 1' : verb)]
  }
  const rows = rowsOf(text, answers, number)
  if (answers.gaveUp && text.includes('pg_logical_emit_message')) {
    return [gaveUp, ...rows.map((row) => dataRow(row)), commandComplete(`SELECT ${rows.length}`)]
  }
  return [...rows.map((row) => dataRow(row)), commandComplete(`SELECT ${rows.length}`)]
}

function rowsOf(text: string, answers: Answers, number: number): Look[] {
  const { statuses, xid, restarted, direct, looks, pooled, waits, changes } = answers
  const { incarnation: of } = answers
  const later = typeof of === 'function' ? of(number) : of
  if (text.includes('pg_xact_status')) {
    const status = statuses.length > 1 ? statuses.shift() : statuses[0]
    return [[status ?? null, ...later]]
  }
  // The process that it says it is, and the time that it says it is.
  const who = [direct ? `${10_000 + number}` : '4711', '"2026-01-01T00:00:00+00:00"']
  if (asksWitness(text)) return [[xid, ...who]]
  if (text.includes('pg_terminate_backend(pid')) return []
  if (isLook(text)) {
    const look = looks.length > 1 ? looks.shift() : looks[0]
    return look === undefined ? [] : [look]
  }
  if (asksIdentity(text))
    return [[...who, ...(number === 1 && typeof of !== 'function' ? life : later)]]
  if (text.includes('pg_postmaster_start_time')) return [[restarted ? 't' : 'f']]
  if (text === 'SELECT pg_catalog.pg_backend_pid()')
    return [[`${10_000 + number + (pooled ? 500 : 0)}`]]
  if (text.includes('synchronous_standby_names')) return [waits]
  return [[text === changes && number > 1 ? '2' : '1']]
}
