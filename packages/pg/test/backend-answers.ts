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
  /** Whether it is a standby, one answer after the other; the last is repeated. It reports nothing. */
  standbys: boolean[]
  /** What it knows nothing of: a statement in which that stands is refused when it is parsed (42883). */
  unknown: RegExp | undefined
  /** Whether the transaction died that was to leave a token, so that whoever asks after it takes its place. */
  died: boolean
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
  standbys: [false],
  unknown: undefined,
  died: false,
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
  let counter: string | undefined
  for (const frame of flight) {
    if (frame.type === 'P' || frame.type === 'Q') text = frame.text
    if (frame.type === 'B') text = witnessCalled(frame) ?? text
    if (frame.type === 'P') out.push(parseComplete)
    if (frame.type === 'B') out.push(bindComplete)
    if (frame.type === 'C') out.push(closeComplete)
    if (frame.type === 'D') out.push(reads(text) ? rowDescription(['a']) : noData)
    if (frame.type === 'B' && answers.died)
      counter = /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f-]{21}/.exec(frame.body.toString('latin1'))?.[0]
    if (frame.type === 'E') {
      const row = text.startsWith('SELECT token FROM') ? counter : undefined
      out.push(
        ...(row === undefined
          ? reply(text, answers, number)
          : [dataRow([row]), commandComplete('SELECT 1')]),
      )
    }
    if (text === 'BEGIN READ ONLY' && frame.type === 'E' && answers.writes) {
      // Behind an error everything is skipped up to the Sync.
      out.push(parseComplete, bindComplete, refusal)
      return out
    }
    if (frame.type !== 'Q') continue
    for (const one of statementsOf(text)) {
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

/** What the witness of that name asks, if it is one that a Bind calls. */
function witnessCalled({ body }: ClientFrame): string | undefined {
  const [, name] = body.toString('latin1').split('\0')
  if (name === 'reprise_witness_timed') return 'pg_current_xact_id timestamptz_send'
  return name === 'reprise_witness' ? 'pg_current_xact_id' : undefined
}

/** The time that it says it is, as timestamptz_send() has it, in hexadecimal. */
const began = '0002ea5b3e3e6000'

/** Whether a text has in it what the server knows nothing of. */
export function isUnknown(text: string, { unknown }: Answers): boolean {
  return unknown?.test(text) === true
}

/** An error of another engine's own: CockroachDB names a file of Go. */
export function unheardOf(text: string): Buffer {
  return errorResponse({
    S: 'ERROR',
    V: 'ERROR',
    C: text.includes('current_setting') ? '42704' : '42883',
    M: 'unknown function or setting',
    F: 'resolver.go',
    L: '1',
    R: 'Resolve',
  })
}

/** Whether the session asks it on its own account. */
export const isQuestion = (text: string): boolean =>
  text.includes('pg_catalog.') || asksCatalog(text)
const asksCatalog = (text: string): boolean =>
  text.includes('SET LOCAL search_path = pg_catalog, pg_temp;')

/** The statements of a text. What is asked of the catalog has semicolons of its own. */
function statementsOf(text: string): string[] {
  const parts = text.split(';').map((each) => each.trim())
  const settings = asksCatalog(text) ? parts.filter((part) => part.startsWith('SET LOCAL')) : []
  return asksCatalog(text) ? [...settings, parts.slice(settings.length).join(';')] : parts
}
/** Whether it asks what a silent backend is at. */
export const isLook = (text: string): boolean => text.includes('state_change')
const asksIdentity = (text: string): boolean =>
  text.startsWith('SELECT pg_catalog.pg_backend_pid(), ')
const asksWitness = (text: string): boolean => text.includes('pg_current_xact_id')
const reads = (text: string): boolean => /^(SELECT|SHOW|WITH)/.test(text)

/** Tags that say how many rows were written. */
const counted: { readonly [verb: string]: string } = { INSERT: 'INSERT 0 1', UPDATE: 'UPDATE 0' }

function reply(text: string, answers: Answers, number: number): Buffer[] {
  if (!reads(text) && !asksWitness(text)) {
    const [verb = ''] = text.toUpperCase().split(/[\s(]/)
    return [commandComplete(counted[verb] ?? verb)]
  }
  const rows = rowsOf(text, answers, number)
  if (answers.gaveUp && text.includes('pg_logical_emit_message')) {
    return [gaveUp, ...rows.map((row) => dataRow(row)), commandComplete(`SELECT ${rows.length}`)]
  }
  return [...rows.map((row) => dataRow(row)), commandComplete(`SELECT ${rows.length}`)]
}

function rowsOf(text: string, answers: Answers, number: number): Look[] {
  const { statuses, xid, restarted, standbys, direct, looks, pooled, waits, changes } = answers
  const { incarnation: of } = answers
  const later = typeof of === 'function' ? of(number) : of
  if (text.endsWith('pg_is_in_recovery()') || text === 'SHOW transaction_read_only') {
    const standby = standbys.length > 1 ? standbys.shift() : standbys[0]
    const [yes, no] = text.startsWith('SHOW') ? ['on', 'off'] : ['t', 'f']
    return [[standby ? yes : no]]
  }
  if (text.includes('pg_xact_status')) {
    const status = statuses.length > 1 ? statuses.shift() : statuses[0]
    return [[status ?? null, ...later]]
  }
  // The process that it says it is, and the time that it says it is.
  const who = [direct ? `${10_000 + number}` : '4711', began]
  if (asksWitness(text)) {
    const time = text.includes('timestamptz_send') ? [began] : []
    return [[xid, ...time, ...(text.includes('pg_backend_pid') ? who.slice(0, 1) : [])]]
  }
  if (text.includes('pg_terminate_backend(a.pid')) return []
  if (isLook(text)) {
    const look = looks.length > 1 ? looks.shift() : looks[0]
    return look === undefined ? [] : [look]
  }
  if (text.startsWith('WITH builtin')) return [['state', null, null, '1']]
  if (text.startsWith('SELECT EXISTS (SELECT FROM pg_proc')) return [['f']]
  if (asksIdentity(text))
    return [[...who, ...(number === 1 && typeof of !== 'function' ? life : later)]]
  if (text.includes('pg_postmaster_start_time')) return [[restarted ? 't' : 'f']]
  if (text === 'SELECT pg_catalog.pg_backend_pid()')
    return [[`${10_000 + number + (pooled ? 500 : 0)}`]]
  if (text.includes('synchronous_standby_names')) {
    const [standbys, session] = waits
    return [[standbys === 't' ? 's1' : '', session === 't' ? 'on' : 'off']]
  }
  return [[text === changes && number > 1 ? '2' : '1']]
}
