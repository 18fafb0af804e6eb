import {
  bindComplete,
  type ClientFrame,
  closeComplete,
  commandComplete,
  dataRow,
  errorResponse,
  FakeServer,
  fatal,
  noData,
  type Peer,
  parseComplete,
  readyForQuery,
  rowDescription,
} from '../../../test/kit/index.ts'

/** What happens in place of an answer. True: the polite answer follows; otherwise the end does. */
// biome-ignore lint/suspicious/noConfusingVoidType: most of them want nothing
export type Fault = (peer: Peer, polite: Buffer[]) => Promise<boolean | void>

/** What the server says when the session asks it something. */
export interface Answers {
  xid: string | null
  /** System identifier, timeline, crash marker, start of the postmaster. */
  incarnation: readonly (string | null)[]
  /** What pg_xact_status says, one after the other; the last is repeated. */
  statuses: (string | null)[]
  /** Whether what it executes writes, so that a READ ONLY transaction is refused it. */
  writes: boolean
  /** Whether the server was started since the statement began. */
  restarted: boolean
}

const usual: Answers = {
  xid: '700',
  incarnation: ['7000', '00000001', '1.5', '1000.5'],
  statuses: ['aborted'],
  writes: false,
  restarted: true,
}

/**
 * A server that answers as PostgreSQL would and remembers what was sent to it, but for the faults that
 * are set for its first connections: by the statement, by the statement and ` Sync` where that comes
 * in a flight of its own, by the name of a prepared
 * statement that is called by it, or by `''` for the start-up. Each happens once.
 */
export class Backend {
  /** The application's statements, by connection. */
  readonly lives: string[][] = []
  readonly fake: FakeServer

  private constructor(fake: FakeServer, lives: string[][]) {
    this.fake = fake
    this.lives = lives
  }

  static async start(
    faults: Record<string, Fault>[],
    answers: Partial<Answers> = {},
  ): Promise<Backend> {
    const lives: string[][] = []
    const all = { ...usual, ...answers }
    const fake = await FakeServer.start((peer) => {
      const seen: string[] = []
      lives[peer.number - 1] = seen
      return live(peer, seen, { ...faults[peer.number - 1] }, all)
    })
    return new Backend(fake, lives)
  }

  get url(): string {
    return this.fake.url
  }

  /** How often a statement was sent. */
  sent(text: string): number {
    return this.lives.flat().filter((each) => each === text).length
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.fake.close()
  }
}

async function live(
  peer: Peer,
  seen: string[],
  faults: Record<string, Fault>,
  answers: Answers,
): Promise<void> {
  const once = async (name: string, polite: Buffer[]): Promise<boolean> => {
    const fault = faults[name]
    delete faults[name]
    return fault === undefined || (await fault(peer, polite)) === true
  }
  if (!(await once('', []))) return
  await peer.startup()
  let status: 'I' | 'T' | 'E' = 'I'
  let last = ''
  for (;;) {
    const flight = await flightOf(peer)
    const texts = flight
      .filter(({ type, text }) => (type === 'P' || type === 'Q') && !text.includes('pg_catalog.'))
      .map(({ text }) => text)
    seen.push(...texts)
    const end = flight.at(-1)?.type
    if (end === 'X') return
    const [text] = texts
    last = text ?? last
    const refused = answers.writes && texts.includes('BEGIN READ ONLY')
    const after: 'I' | 'T' | 'E' = end === 'H' ? status : refused ? 'E' : statusAfter(last, status)
    const polite = replies(flight, answers)
    if (end !== 'H') polite.push(readyForQuery(after))
    const syncs = flight.length === 1 && end === 'S'
    const name = text ?? calledIn(flight) ?? (syncs ? `${last} Sync` : undefined)
    if (name !== undefined && !(await once(name, polite))) return
    status = after
    await peer.send(...polite)
  }
}

/** The name by which a prepared statement of the application's is called. */
function calledIn(flight: readonly ClientFrame[]): string | undefined {
  return flight
    .filter(({ type }) => type === 'B')
    .map(({ body }) => body.toString('latin1').split('\0')[1])
    .find((name) => name !== '' && !name?.startsWith('reprise_witness'))
}

/** What the client wants answered before it goes on. */
async function flightOf(peer: Peer): Promise<ClientFrame[]> {
  const flight: ClientFrame[] = []
  for (;;) {
    const frame = await peer.read()
    flight.push(frame)
    if ('SQXH'.includes(frame.type)) return flight
  }
}

function statusAfter(text: string, status: 'I' | 'T' | 'E'): 'I' | 'T' | 'E' {
  if (/^begin$/i.test(text)) return 'T'
  return /^(commit|rollback)$/i.test(text) ? 'I' : status
}

function replies(flight: readonly ClientFrame[], answers: Answers): Buffer[] {
  const out: Buffer[] = []
  let text = ''
  for (const frame of flight) {
    if (frame.type === 'P' || frame.type === 'Q') text = frame.text
    if (frame.type === 'B') text = witnessCalled(frame) ?? text
    if (frame.type === 'P') out.push(parseComplete)
    if (frame.type === 'B') out.push(bindComplete)
    if (frame.type === 'C') out.push(closeComplete)
    if (frame.type === 'D') out.push(reads(text) ? rowDescription(['a']) : noData)
    if (frame.type === 'E') out.push(...reply(text, answers))
    if (text === 'BEGIN READ ONLY' && frame.type === 'E' && answers.writes) {
      // Behind an error everything is skipped up to the Sync.
      out.push(parseComplete, bindComplete, refusal)
      return out
    }
    if (frame.type !== 'Q') continue
    for (const one of text.split(';').map((each) => each.trim())) {
      if (reads(one)) out.push(rowDescription(['a']))
      out.push(...reply(one, answers))
    }
  }
  return out
}

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

/** The process and the time that it says it has. */
const who = ['4711', '0002ea5b3e3e6000']
const asksIdentity = (text: string): boolean =>
  text.startsWith('SELECT pg_catalog.pg_backend_pid(), ')
const asksWitness = (text: string): boolean => text.includes('pg_current_xact_id')
const reads = (text: string): boolean => text.startsWith('SELECT')

function reply(text: string, answers: Answers): Buffer[] {
  if (!reads(text) && !asksWitness(text)) {
    const [verb = ''] = text.toUpperCase().split(/[\s(]/)
    return [commandComplete(verb === 'INSERT' ? 'INSERT 0 1' : verb)]
  }
  const rows = rowsOf(text, answers)
  return [...rows.map((row) => dataRow(row)), commandComplete(`SELECT ${rows.length}`)]
}

function rowsOf(text: string, answers: Answers): (readonly (string | null)[])[] {
  const { statuses, incarnation, xid, restarted } = answers
  if (text.includes('pg_xact_status')) {
    const status = statuses.length > 1 ? statuses.shift() : statuses[0]
    return [[status ?? null, ...incarnation]]
  }
  if (asksWitness(text)) {
    const time = text.includes('timestamptz_send') ? who.slice(1) : []
    return [[xid, ...time, ...(text.includes('pg_backend_pid') ? who.slice(0, 1) : [])]]
  }
  if (text.includes('pg_terminate_backend(pid')) return []
  if (asksIdentity(text)) return [[...who, ...usual.incarnation]]
  if (text.includes('pg_postmaster_start_time')) return [[restarted ? 't' : 'f']]
  return [['1']]
}

/** By which a server ends a backend. */
export const terminated: Buffer = fatal('57P01', 'ProcessInterrupts')

/** Sends these frames in place of the answer, and ends. */
export function instead(...frames: Buffer[]): Fault {
  return (peer) => peer.send(...frames)
}

/** Sends the whole answer of this flight, then these frames, and ends. */
export function behind(...frames: Buffer[]): Fault {
  return (peer, polite) => peer.send(...polite, ...frames)
}

/** Sends the answer up to its first CommandComplete, then these frames, and ends. */
export function tagged(...frames: Buffer[]): Fault {
  return (peer, polite) => {
    const tag = polite.findIndex((frame) => frame[0] === 67)
    return peer.send(...polite.slice(0, tag + 1), ...frames)
  }
}

/** Reads the start-up, and answers it by these frames, all of them in one piece. */
export function greeting(...frames: Buffer[]): Fault {
  return async (peer: Peer) => {
    await peer.read()
    await peer.send(Buffer.concat(frames))
  }
}
