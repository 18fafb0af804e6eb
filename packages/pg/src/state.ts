import type { StateChange } from '@reprise/core'
import type { Inquiry } from './inquiry.ts'
import type { SessionFacts } from './session-facts.ts'
import type { Raw } from './wire.ts'

/** A statement that set session state could not be repeated on a new connection. */
export class StateNotRestored extends Error {
  override readonly name = 'StateNotRestored'
}

/** A change of the session's state, with what came and went with the statement that made it. */
export interface Change {
  readonly change: StateChange
  readonly values: readonly unknown[] | undefined
  /** The row that it answered. */
  readonly row: readonly Raw[] | undefined
  /** What was set when it was made, and is not any more: it was rolled back. */
  readonly under?: readonly Change[]
}

/** What makes a piece of state again, and of which key; `undone` when it is an undoing itself. */
interface Entry {
  readonly key: string
  readonly text: string
  readonly undone: boolean
}

/**
 * What the application has made of its session beyond transactions: settings, roles, prepared
 * statements, channels. All of it is made again on a new connection before anything else runs there,
 * in the order in which it was made, in one message.
 */
export class SessionState {
  /** In order. What was overwritten stays while something that was made under it stays. */
  #log: Entry[] = []
  #compactAt = 64
  /** What cannot be made again, in words. */
  readonly #anchors = new Map<string, { readonly what: string; count: number }>()
  /** Values of settings as the server said them last, or as set_config answered them. */
  readonly #values = new Map<string, string>()
  /** What changed since the server was asked, so that its value, or whether it is, is not known. */
  readonly #touched = new Set<string>()
  #version = 0

  /** What cannot be made again, if there is such a thing. */
  get anchor(): string | undefined {
    return this.#anchors.values().next().value?.what
  }

  /** Whether notifications are awaited. */
  get listening(): boolean {
    return this.#log.some(({ key }) => key.startsWith('listen:'))
  }

  /** How many statements it takes to make it again. */
  get size(): number {
    this.#log = compact(this.#log)
    return this.#log.length
  }

  /** Another number after each change. */
  get version(): number {
    return this.#version
  }

  /** The names of the settings that were made here, in lower case. */
  *names(): Iterable<string> {
    for (const { key } of this.#log) if (key.startsWith('set:')) yield key.slice(4)
    for (const key of this.#anchors.keys()) {
      const name = unseen(key)
      if (name !== undefined) yield name
    }
  }

  /** Whether a setting was made whose value only the server knows. */
  get unsure(): boolean {
    for (const key of this.#anchors.keys()) if (unseen(key) !== undefined) return true
    return false
  }

  /** The statement by which SQL prepared a name, if it was. */
  prepared(name: string): string | undefined {
    const text = this.#log.find(({ key }) => key === `prepare:${name}`)?.text
    return text?.startsWith(mark) ? undefined : text
  }

  /**
   * What the server says takes the place of what texts let guess: settings by their values, anchors as
   * they are.
   * @returns whether something was found that no text had shown; undefined when that cannot be told,
   *   because a text had changed something as well whose value it does not show
   */
  learn(facts: SessionFacts): boolean | undefined {
    const touched = new Set(this.#touched)
    this.#touched.clear()
    let found = false
    for (const [key, value] of facts.settings) {
      const before = this.#values.get(key) ?? null
      if (before === value && !touched.has(key)) continue
      // What was local to a transaction leaves an empty placeholder behind.
      if (!touched.has(key) && !(value === '' && before === null)) found = true
      if (value === null) this.#drop(key)
      else this.#assign(key, value)
    }
    const channels = new Map([...facts.channels].map((name) => [name, `LISTEN ${quoted(name)}`]))
    if (this.#learnCommands('prepare:', facts.prepared)) found = true
    if (this.#learnCommands('listen:', channels)) found = true
    if (this.#learnAnchors(facts, touched)) found = true
    return found || (touched.size === 0 ? false : undefined)
  }

  /** The anchored things went with their connection. */
  loseAnchors(): void {
    this.#anchors.clear()
  }

  /** Something was set, and nobody can tell what. */
  forget(what: string): void {
    this.#version += 1
    this.#anchors.set('unknown', { what, count: 1 })
  }

  /** Takes note of a change that is there to stay. */
  apply({ change, values, row, under = [] }: Change): void {
    const { key, effect, what, text, setting } = change
    this.#version += 1
    if (setting === undefined) for (const name of touchedBy(key)) this.#touched.add(name)
    if (effect === 'clear') this.#clear(key)
    else if (effect === 'drop') this.#drop(named(key, values))
    else if (effect === 'anchor') this.#hold(named(key, values), what)
    else if (setting === undefined) this.#make(key, under.length > 0 ? within(under, text) : text)
    else this.#set(key, setting, values, row)
  }

  /**
   * Makes everything again.
   * @throws StateNotRestored when the server refuses one of the statements: then none is in place
   * @throws Interrupted when the connection ends
   */
  async restore(ask: Inquiry): Promise<void> {
    this.#log = compact(this.#log)
    if (this.#log.length === 0) return
    let texts = this.#log.map(({ text }) => text)
    // A savepoint needs a transaction around it.
    if (texts.some((text) => text.startsWith(mark))) texts = ['BEGIN', ...texts, 'COMMIT']
    const { code } = await ask(texts.join(';\n'))
    if (code !== undefined) {
      throw new StateNotRestored(`the session state could not be set up again: ${code}`)
    }
  }

  /** The value is in the answer; expressions are not evaluated again. */
  #set(
    key: string,
    { column, name, local }: NonNullable<StateChange['setting']>,
    values: Change['values'],
    row: Change['row'],
  ): void {
    if (local !== undefined && isTrue(values?.[local])) return
    const setting = name === undefined ? key.replace(/^set:/, '') : String(values?.[name] ?? '')
    const value = row?.[column]
    const made = name === undefined ? key : keyOfSetting(setting)
    if (value === undefined || setting === '') {
      this.#touched.add(made)
      const what = 'a setting whose value was not seen'
      this.#anchors.set(setting === '' ? 'unknown' : `config:${setting.toLowerCase()}`, {
        what,
        count: 1,
      })
      return
    }
    const shown = value === null ? null : String(value)
    if (shown === null) this.#values.delete(made)
    else this.#values.set(made, shown)
    // A value may be shown otherwise than pg_settings has it: a placeholder's is not.
    if (!made.includes('.')) this.#touched.add(made)
    this.#make(made, toSet(setting, shown))
  }

  /** A setting has this value now: it is made again where it was made, unless a PREPARE has seen it. */
  #assign(key: string, value: string): void {
    this.#values.set(key, value)
    const entry = { key, text: toSet(nameOf(key), value), undone: false }
    const at = this.#log.findLastIndex((made) => made.key === key)
    const seen = this.#log.findLastIndex((made) => made.key.startsWith('prepare:')) > at
    if (at < 0 || seen || this.#log[at]?.undone === true) this.#make(key, entry.text)
    else this.#log[at] = entry
  }

  /** What the server has of PREPARE or LISTEN, and what it does not have. */
  #learnCommands(prefix: string, texts: ReadonlyMap<string, string>): boolean {
    const made = new Set(this.#log.map(({ key }) => key).filter((key) => key.startsWith(prefix)))
    let found = false
    for (const [name, text] of texts) {
      if (made.delete(prefix + name)) continue
      this.#make(prefix + name, text)
      found = true
    }
    for (const key of made) this.#drop(key)
    return found || made.size > 0
  }

  /** Anchors are as the server has them; what it was not asked about stays. */
  #learnAnchors({ anchors, settings }: SessionFacts, touched: ReadonlySet<string>): boolean {
    let found = false
    for (const [key, { what, count }] of [...this.#anchors]) {
      const kind = kindOf(key)
      if (isAnchorKind(kind) && !anchors.has(key)) {
        this.#anchors.delete(key)
        found ||= !touched.has(kind)
      }
      const name = unseen(key)
      if (name === undefined) continue
      this.#anchors.delete(key)
      // What no server shows by its name stays unknown.
      if (!settings.has(`set:${name}`)) this.#anchors.set(`config:(${name})`, { what, count })
    }
    for (const [key, what] of anchors) {
      if (this.#anchors.has(key)) continue
      this.#anchors.set(key, { what, count: 1 })
      found ||= !touched.has(kindOf(key))
    }
    return found
  }

  #make(key: string, text: string): void {
    this.#log.push({ key, text, undone: false })
    if (this.#log.length < this.#compactAt) return
    this.#log = compact(this.#log)
    this.#compactAt = Math.max(64, 2 * this.#log.length)
  }

  /** An advisory lock is held until it was let go of as often as it was taken. */
  #hold(key: string, what: string): void {
    const held = this.#anchors.get(key)
    if (held === undefined) this.#anchors.set(key, { what, count: 1 })
    else held.count += 1
  }

  #drop(key: string): void {
    this.#values.delete(key)
    if (key.startsWith('prepare:') || key.startsWith('listen:')) {
      this.#log = this.#log.filter((entry) => entry.key !== key)
    } else if (this.#log.some((entry) => entry.key === key)) {
      // RESET goes back to the default of the database or role, which a new connection starts with.
      this.#log.push({ key, text: undoing(key), undone: true })
      this.#log = compact(this.#log)
    }
    const held = this.#anchors.get(key)
    if (held !== undefined && --held.count <= 0) this.#anchors.delete(key)
  }

  #clear(key: string): void {
    const prefix = key.slice(0, -1)
    for (const name of [...this.#values.keys()]) {
      if (name.startsWith(prefix)) this.#values.delete(name)
    }
    for (const name of [...this.#anchors.keys()]) {
      if (name.startsWith(prefix)) this.#anchors.delete(name)
    }
    if (prefix === '' || prefix === 'prepare:' || prefix === 'listen:') {
      this.#log = this.#log.filter((entry) => !entry.key.startsWith(prefix))
    } else {
      const keys = this.#log.map((entry) => entry.key).filter((name) => name.startsWith(prefix))
      for (const name of new Set(keys)) this.#drop(name)
    }
  }
}

/**
 * Leaves out what was overwritten or undone, unless something that stays was made under it: a
 * prepared statement under any setting, a setting under a role.
 */
function compact(log: readonly Entry[]): Entry[] {
  const kept: Entry[] = []
  /** Where, from the end, the last kept entry of each key is. */
  const last = new Map<string, number>()
  let dependsOnAll = -1
  let dependsOnRole = -1
  for (let i = log.length - 1; i >= 0; i--) {
    const entry = log[i] as Entry
    const { key } = entry
    const at = last.get(key)
    const role = key === 'role' || key === 'authorization'
    const needed = Math.max(dependsOnAll, role ? dependsOnRole : -1)
    if (at !== undefined && needed <= at) continue
    last.set(key, kept.length)
    if (key.startsWith('prepare:')) dependsOnAll = kept.length
    else if (!role || key === 'role') dependsOnRole = kept.length
    kept.push(entry)
  }
  kept.reverse()
  const made = new Set<string>()
  // An undoing with nothing before it undoes nothing.
  return kept.filter(({ key, undone }) => {
    if (undone && !made.has(key)) return false
    made.add(key)
    return true
  })
}

/** What was made in a transaction and outlives its rollback: nothing of it is transactional. */
export function survivesRollback({ change }: Change): boolean {
  return /^(prepare:|advisory|load:)/.test(change.key)
}

const mark = 'SAVEPOINT reprise'

/** Makes something under settings that are gone again behind it, and that it outlives. */
function within(under: readonly Change[], text: string): string {
  const settings = under.flatMap(({ change, values, row }) => {
    const { key, effect, setting } = change
    if (effect === 'drop') return [undoing(key)]
    if (effect === 'clear' && key === 'set:*') return ['RESET ALL']
    if (effect !== 'keep') return []
    if (setting === undefined) return [change.text]
    const value = row?.[setting.column]
    const name = setting.name === undefined ? nameOf(key) : String(values?.[setting.name] ?? '')
    const local = setting.local !== undefined && isTrue(values?.[setting.local])
    return value === undefined || local ? [] : [toSet(name, value === null ? null : String(value))]
  })
  return [mark, ...settings, text, 'ROLLBACK TO reprise', 'RELEASE reprise'].join(';\n')
}

function undoing(key: string): string {
  if (key === 'role') return 'RESET ROLE'
  if (key === 'authorization') return 'RESET SESSION AUTHORIZATION'
  return `RESET ${nameOf(key)
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')}`
}

function keyOfSetting(name: string): string {
  const lower = name.toLowerCase()
  if (lower === 'role') return 'role'
  return lower === 'session_authorization' ? 'authorization' : `set:${lower}`
}

function nameOf(key: string): string {
  return key === 'authorization' ? 'session_authorization' : key.replace(/^set:/, '')
}

/** NULL resets it, as guc_funcs.c set_config_by_name does. */
function toSet(name: string, value: string | null): string {
  const shown = value === null ? 'NULL' : literal(value)
  return `SELECT pg_catalog.set_config(${literal(name)}, ${shown}, false)`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The name of a setting that was made out of sight, if it is known. */
function unseen(key: string): string | undefined {
  return /^config:([\w.]+)$/.exec(key)?.[1]
}

/** The kind that the key of an anchor begins with. */
function kindOf(key: string): string {
  return key.replace(/:.*$/s, '')
}

/** Whether the server can be asked about anchors of a kind. */
function isAnchorKind(kind: string): boolean {
  return kind === 'advisory' || kind === 'temp' || kind === 'cursor'
}

/** What a change by a text leaves unknown: the setting's value, or which anchors of a kind there are. */
function touchedBy(key: string): string[] {
  if (key.startsWith('set:') || key === 'role' || key === 'authorization') return [key]
  const kind = kindOf(key)
  return isAnchorKind(kind) ? [kind] : []
}

/** A literal that is read the same whatever standard_conforming_strings says. */
function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** As PostgreSQL reads a boolean parameter that pg sent as text. */
function isTrue(value: unknown): boolean {
  return /^\s*(t|tr|tru|true|y|ye|yes|on|1)\s*$/i.test(String(value))
}

/** What came as a parameter is not in the key: the number of a lock. */
function named(key: string, values: readonly unknown[] | undefined): string {
  return key.startsWith('advisory:') && values !== undefined && values.length > 0
    ? `${key}\0${values.map((value) => String(value)).join('\0')}`
    : key
}
