import type { StateChange } from '@reprise/core'
import type { Inquiry } from './inquiry.ts'
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

  /** The anchored things went with their connection. */
  loseAnchors(): void {
    this.#anchors.clear()
  }

  /** Something was set, and nobody can tell what. */
  forget(what: string): void {
    this.#anchors.set('unknown', { what, count: 1 })
  }

  /** Takes note of a change that is there to stay. */
  apply({ change, values, row }: Change): void {
    const { key, effect, what, text, setting } = change
    if (effect === 'clear') this.#clear(key)
    else if (effect === 'drop') this.#drop(named(key, values))
    else if (effect === 'anchor') this.#hold(named(key, values), what)
    else if (setting === undefined) this.#make(key, text)
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
    const { code } = await ask(this.#log.map(({ text }) => text).join(';\n'))
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
    if (value === undefined) {
      this.forget('a setting whose value was not seen')
      return
    }
    // NULL resets it, as guc_funcs.c set_config_by_name does.
    const text = `SELECT pg_catalog.set_config(${literal(setting)}, ${
      value === null ? 'NULL' : literal(String(value))
    }, false)`
    this.#make(name === undefined ? key : keyOfSetting(setting), text)
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

function undoing(key: string): string {
  if (key === 'role') return 'RESET ROLE'
  if (key === 'authorization') return 'RESET SESSION AUTHORIZATION'
  if (key === 'characteristics') {
    return 'RESET default_transaction_isolation; RESET default_transaction_read_only; RESET default_transaction_deferrable'
  }
  const name = key.replace(/^set:/, '')
  return `RESET ${name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')}`
}

function keyOfSetting(name: string): string {
  const lower = name.toLowerCase()
  if (lower === 'role') return 'role'
  return lower === 'session_authorization' ? 'authorization' : `set:${lower}`
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
