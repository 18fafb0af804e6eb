import type { Leavings } from '@reprise/core'
import { clock } from '@reprise/core'
import type { Inquiry } from '../connection/inquiry.ts'
import type { Raw } from '../connection/wire.ts'
import { type Names, Reach } from './reach.ts'
import {
  type Candidates,
  candidatesText,
  type Found,
  reachText,
  type Seeds,
} from './reach-question.ts'

/** How long sources are judged at a stretch, in milliseconds: a large database has megabytes of them. */
const longest = 10

/** What is looked for in a catalog. */
export interface Sought extends Candidates {
  /**
   * Judges a source that matches, or an expression (`tree`, `hidden`); `''` where none is shown.
   * @param foreign whether the database has a foreign table
   */
  judge(language: string, source: string, foreign: boolean): Leavings
}

/** What was read of a catalog. */
export interface Reading {
  readonly reach: Reach
  /** Settings whose names stand in the functions that were found. */
  readonly settings: ReadonlySet<string>
  /** What it rests on, as {@link catalogState} tells it; undefined where the server did not say. */
  readonly state: string | undefined
  /** Whether anything in it may have another server commit something. */
  readonly others: boolean
  /** The transactions that were over then (pg_current_snapshot()). */
  readonly snapshot: string | undefined
}

const none: Names = {
  ...{ f: new Map(), r: new Map(), w: new Map() },
  ...{ anywhere: undefined, defining: undefined },
}
const unread: Reading = {
  reach: new Reach(none),
  settings: new Set(),
  state: undefined,
  others: true,
  snapshot: undefined,
}

/** Classes of errors by which a server says that it has no such thing, or does not show it. */
export const untold: RegExp = /^(42|0A)/

/**
 * Asks the catalog what of a database's own does what is sought, and what brings that along.
 * @returns no state where the server does not say; `'interrupted'` where another time it may
 * @throws Interrupted when the connection ends
 */
export async function readReach(sought: Sought, ask: Inquiry): Promise<Reading | 'interrupted'> {
  const { rows, code } = await ask(candidatesText(sought))
  if (code !== undefined && !untold.test(code)) return 'interrupted'
  const [, reaches, seen, state] = rows.find(([kind]) => kind === 'state') ?? []
  if (code !== undefined || typeof state !== 'string') return unread
  const others = reaches === 'others'
  const snapshot = typeof seen === 'string' ? seen : undefined
  const settings = new Set<string>()
  const seeds = (): Seeds => ({ askable: [], unnamed: [] })
  const all: Found = { f: seeds(), r: seeds(), w: seeds() }
  const foreign = rows.some(([, , language]) => language === 'foreign')
  let from = clock.now()
  for (const [kind, list, language, source] of rows) {
    if (clock.now() - from > longest) {
      await clock.immediately()
      from = clock.now()
    }
    if (kind !== 'f' && kind !== 'r' && kind !== 'w') continue
    const left = sought.judge(String(language), String(source ?? ''), foreign)
    if (!left.leaves) continue
    all[kind][left.unnamed ? 'unnamed' : 'askable'].push(...oidsIn(list))
    for (const name of left.settings) settings.add(name)
  }
  if (Object.values(all).every(({ askable, unnamed }) => askable.length + unnamed.length === 0)) {
    return { reach: new Reach(none), settings, state, others, snapshot }
  }
  const reached = await ask(reachText(sought.trusted, all))
  if (reached.code !== undefined && !untold.test(reached.code)) return 'interrupted'
  if (reached.code !== undefined || reached.rows.length === 0) return unread
  return { reach: new Reach(namesIn(reached.rows)), settings, state, others, snapshot }
}

function namesIn(rows: readonly (readonly Raw[])[]): Names {
  const found = {
    f: new Map<string, boolean>(),
    r: new Map<string, boolean>(),
    w: new Map<string, boolean>(),
  }
  let anywhere: boolean | undefined
  let defining: boolean | undefined
  for (const [kind, name, unnamed] of rows) {
    const flag = unnamed === 't'
    if (kind === 'anywhere') anywhere = flag
    else if (kind === 'defining') defining = flag
    else {
      const names = found[kind as 'f' | 'r' | 'w']
      // Lower case is what it is here, whatever the database's locale says.
      const lower = String(name).toLowerCase()
      names.set(lower, flag || names.get(lower) === true)
    }
  }
  return { ...found, anywhere, defining }
}

function oidsIn(list: Raw | undefined): string[] {
  return /^\{(.+)\}$/.exec(String(list))?.[1]?.split(',') ?? []
}
