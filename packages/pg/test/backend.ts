import {
  type ClientFrame,
  FakeServer,
  fatal,
  type Peer,
  readyForQuery,
} from '../../../test/kit/index.ts'
import {
  type Answers,
  isLook,
  isQuestion,
  isUnknown,
  replies,
  unheardOf,
  usual,
} from './backend-answers.ts'

export type { Answers } from './backend-answers.ts'

/** What happens in place of an answer. True: the polite answer follows; otherwise the end does. */
// biome-ignore lint/suspicious/noConfusingVoidType: most of them want nothing
export type Fault = (peer: Peer, polite: Buffer[]) => Promise<boolean | void>

/**
 * A server that answers as PostgreSQL would and remembers what was sent to it, but for the faults that
 * are set for its first connections: by the statement, by the statement and ` Sync` where that comes
 * in a flight of its own, by the name of a prepared
 * statement that is called by it, by `? ` and a part of a question of the session's own, or by `''` for
 * the start-up. Each happens once.
 */
export class Backend {
  /** The application's statements, by connection. */
  readonly lives: string[][] = []
  /** What the session asked on its own account, by connection. */
  readonly questions: string[][]
  readonly fake: FakeServer

  private constructor(fake: FakeServer, lives: string[][], questions: string[][]) {
    this.fake = fake
    this.lives = lives
    this.questions = questions
  }

  static async start(
    faults: Record<string, Fault>[],
    answers: Partial<Answers> = {},
  ): Promise<Backend> {
    const lives: string[][] = []
    const questions: string[][] = []
    let looks = 0
    const looked = async (): Promise<void> => answers.looked?.(++looks)
    const all = { ...usual, ...answers, looked }
    const fake = await FakeServer.start((peer) => {
      const life = { seen: [], asked: [] }
      lives[peer.number - 1] = life.seen
      questions[peer.number - 1] = life.asked
      return live(peer, life, { ...faults[peer.number - 1] }, all)
    })
    return new Backend(fake, lives, questions)
  }

  get url(): string {
    return this.fake.url
  }

  /** How often a statement was sent. */
  sent(text: string): number {
    return this.lives.flat().filter((each) => each === text).length
  }

  /** How often the session asked something that has this in it. */
  asked(part: string): number {
    return this.questions.flat().filter((each) => each.includes(part)).length
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.fake.close()
  }
}

/** What one connection was used for. */
interface Life {
  readonly seen: string[]
  readonly asked: string[]
}

async function live(
  peer: Peer,
  { seen, asked }: Life,
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
  let skipping = false
  for (;;) {
    const flight = await flightOf(peer)
    const { type: ending } = flight.at(-1) as ClientFrame
    const wrong = flight.findIndex(
      ({ type, text }) => 'PQ'.includes(type) && isUnknown(text, answers),
    )
    const read = skipping ? [] : wrong < 0 ? flight : flight.slice(0, wrong)
    const all = read.filter(({ type }) => type === 'P' || type === 'Q').map(({ text }) => text)
    const texts = all.filter((text) => !isQuestion(text))
    asked.push(...all.filter(isQuestion))
    seen.push(...texts)
    if (skipping || wrong >= 0) {
      const error = skipping
        ? []
        : [...replies(read, answers, peer.number), unheardOf(flight[wrong]?.text ?? '')]
      skipping = ending === 'H'
      if (status === 'T' && error.length > 0) status = 'E'
      await peer.send(...error, ...(skipping ? [] : [readyForQuery(status)]))
      continue
    }
    const end = flight.at(-1)?.type
    if (end === 'X') return
    const [text] = texts
    last = text ?? last
    const refused = answers.writes && texts.includes('BEGIN READ ONLY')
    const after: 'I' | 'T' | 'E' = end === 'H' ? status : refused ? 'E' : statusAfter(last, status)
    if (all.some(isLook)) await answers.looked(0)
    const polite = replies(flight, answers, peer.number)
    if (end !== 'H') polite.push(readyForQuery(after))
    const syncs = flight.length === 1 && end === 'S'
    const name =
      text ?? questionIn(all, faults) ?? calledIn(flight) ?? (syncs ? `${last} Sync` : undefined)
    if (name !== undefined && !(await once(name, polite))) return
    status = after
    await peer.send(...polite)
  }
}

/** The fault that is set for one of these questions. */
function questionIn(
  questions: readonly string[],
  faults: Record<string, Fault>,
): string | undefined {
  return Object.keys(faults).find(
    (key) => key.startsWith('? ') && questions.some((text) => text.includes(key.slice(2))),
  )
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
