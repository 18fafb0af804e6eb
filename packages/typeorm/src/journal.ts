import { subscribe } from 'node:diagnostics_channel'
import type { Events } from '@reprise/core'

/** What happened to a session since its last operation. */
export interface Entry {
  /** The first loss, where it was told before it was mended. */
  loss: Events['reprise:loss'] | undefined
  losses: number
  /** Statements executed again and compared. */
  replayed: number
  /** Milliseconds spent on reaching the server again. */
  away: number
}

/** A session, as far as its journal goes. */
export interface Mended {
  /** The `session` of its events. */
  readonly id: number
  once(event: 'end', listener: () => void): unknown
}

const sessions = new Set<number>()
const entries = new Map<number, Entry>()
let listening = false

/** Begins to keep the journal of a session, until it ends. */
export function opened(session: Mended): void {
  listen()
  const { id } = session
  sessions.add(id)
  session.once('end', () => {
    sessions.delete(id)
    entries.delete(id)
  })
}

/** Whether there is anything to read, of any session: asked after every query. */
export function anythingHappened(): boolean {
  return entries.size > 0
}

/** What happened to a session since this was last asked; undefined for nothing. */
export function takeEntry(session: unknown): Entry | undefined {
  const id = (session as Partial<Mended> | undefined)?.id
  if (id === undefined) return undefined
  const entry = entries.get(id)
  entries.delete(id)
  return entry
}

function listen(): void {
  if (listening) return
  listening = true
  on('reprise:loss', (loss) => {
    const entry = entryOf(loss.session)
    if (entry === undefined) return
    entry.loss ??= loss
    entry.losses += 1
  })
  on('reprise:reconnect', ({ session, duration }) => {
    const entry = entryOf(session)
    if (entry !== undefined) entry.away += duration
  })
  on('reprise:replay', ({ session, statements }) => {
    const entry = entryOf(session)
    if (entry !== undefined) entry.replayed += statements
  })
}

/** The open entry of a session whose journal is kept. */
function entryOf(session: number): Entry | undefined {
  let entry = entries.get(session)
  if (entry === undefined && sessions.has(session)) {
    entry = { loss: undefined, losses: 0, replayed: 0, away: 0 }
    entries.set(session, entry)
  }
  return entry
}

function on<N extends keyof Events>(name: N, listener: (event: Events[N]) => void): void {
  subscribe(name, (event) => listener(event as Events[N]))
}
