import { undoing } from './setting.ts'

/** What makes a piece of state again, and of which key; `undone` when it is an undoing itself. */
interface Entry {
  readonly key: string
  readonly text: string
  readonly undone: boolean
}

/** What was made of a session, by the statements that make it again, in the order in which it was made. */
export class StateLog {
  /** What was overwritten stays while something that was made under it stays. */
  #entries: Entry[] = []
  #compactAt = 64

  /**
   * The statements that make all of it again, and no more than it takes, message by message: one is
   * converted and split into words before anything in it is executed, so what comes behind a setting
   * of how that is done needs another.
   */
  get messages(): string[][] {
    this.#entries = compact(this.#entries)
    const messages: string[][] = []
    let ends = true
    for (const { key, text } of this.#entries) {
      if (ends) messages.push([])
      messages.at(-1)?.push(text)
      ends = howTextIsRead.has(key)
    }
    return messages
  }

  /** How many statements it takes to make it again. */
  get size(): number {
    this.#entries = compact(this.#entries)
    return this.#entries.length
  }

  /** The keys of what was made that begin so, in order; some more than once. */
  *keys(prefix: string): Iterable<string> {
    for (const { key } of this.#entries) if (key.startsWith(prefix)) yield key
  }

  /** Whether something was made whose key begins so. */
  has(prefix: string): boolean {
    return this.#entries.some(({ key }) => key.startsWith(prefix))
  }

  /** The statement by which this was made first, of what is still there. */
  text(key: string): string | undefined {
    return this.#entries.find((entry) => entry.key === key)?.text
  }

  /** Takes note of what was made. */
  make(key: string, text: string): void {
    this.#entries.push({ key, text, undone: false })
    if (this.#entries.length < this.#compactAt) return
    this.#entries = compact(this.#entries)
    this.#compactAt = Math.max(64, 2 * this.#entries.length)
  }

  /** It is made so now: where it was made, unless a PREPARE has seen it there. */
  amend(key: string, text: string): void {
    const at = this.#entries.findLastIndex((made) => made.key === key)
    const seen = this.#entries.findLastIndex((made) => made.key.startsWith('prepare:')) > at
    if (at < 0 || seen) this.make(key, text)
    else this.#entries[at] = { key, text, undone: false }
  }

  /** Takes note that this is not there any more. */
  drop(key: string): void {
    if (isCommand(key)) this.#entries = this.#entries.filter((entry) => entry.key !== key)
    else {
      // RESET goes back to the default of the database or role, which a new connection starts with.
      this.#entries.push({ key, text: undoing(key), undone: true })
      this.#entries = compact(this.#entries)
    }
  }

  /** Takes note that nothing whose key begins so is there any more. */
  clear(prefix: string): void {
    if (prefix === '') this.#entries = []
    else for (const key of new Set(this.keys(prefix))) this.drop(key)
  }
}

/** Whether it was made by PREPARE or LISTEN: what these make depends on no default. */
function isCommand(key: string): boolean {
  return key.startsWith('prepare:') || key.startsWith('listen:')
}

/** The settings that decide how the text of a message is read (postgres.c pg_parse_query, scan.l). */
const howTextIsRead: ReadonlySet<string> = new Set([
  'set:client_encoding',
  'set:standard_conforming_strings',
  'set:backslash_quote',
])

/** The one setting that may be set in part: its style, or its order (datetime.c check_datestyle). */
const dateStyle = 'set:datestyle'

/**
 * Leaves out what was overwritten or undone, unless something that stays was made under it: a
 * prepared statement under any setting, a setting under a role.
 */
function compact(log: readonly Entry[]): Entry[] {
  const kept: Entry[] = []
  /** Where, from the end, the last kept entry of each key is. */
  const last = new Map<string, number>()
  /** What set the date style between the entry and the next PREPARE, and may have left a part of it. */
  const texts = new Set<string>()
  const resets = undoing(dateStyle)
  let dependsOnAll = -1
  let dependsOnRole = -1
  for (let i = log.length - 1; i >= 0; i--) {
    const entry = log[i] as Entry
    const { key } = entry
    const at = last.get(key)
    const role = key === 'role' || key === 'authorization'
    const needed = Math.max(dependsOnAll, role ? dependsOnRole : -1)
    // RESET leaves nothing of what was set before it.
    const partial = key === dateStyle && !texts.has(resets) && !texts.has(entry.text)
    if (at !== undefined && needed <= at && !partial) continue
    if (key === dateStyle) texts.add(entry.undone ? resets : entry.text)
    last.set(key, kept.length)
    if (key.startsWith('prepare:')) {
      dependsOnAll = kept.length
      // It depends on each part as it was then.
      texts.clear()
    } else if (!role || key === 'role') dependsOnRole = kept.length
    kept.push(entry)
  }
  kept.reverse()
  const made = new Set<string>()
  // An undoing with nothing before it undoes nothing.
  return kept.filter(({ key, undone }) => {
    // Going back to the user of the login gives up the role as well (miscinit.c SetSessionAuthorization).
    if (undone && !made.has(key) && !(key === 'authorization' && made.has('role'))) return false
    made.add(key)
    return true
  })
}
