import type { StateChange } from '@reprise/core'
import type { Inquiry } from '../connection/inquiry.ts'
import { Anchors, isAnchorKind, kindOf } from './anchors.ts'
import { type Change, isWithin, named, within } from './change.ts'
import type { SessionFacts } from './session-facts.ts'
import { isTrue, keyOfSetting, nameOf, quoted, toSet } from './setting.ts'
import { StateLog } from './state-log.ts'

/** A statement that set session state could not be repeated on a new connection. */
export class StateNotRestored extends Error {
  override readonly name = 'StateNotRestored'
}

/**
 * What the application has made of its session beyond transactions: settings, roles, prepared
 * statements, channels. All of it is made again on a new connection before anything else runs there,
 * in the order in which it was made, in one message unless a setting changes how the next is read.
 */
export class SessionState {
  readonly #log = new StateLog()
  /** What cannot be made again. */
  readonly #anchors = new Anchors()
  /** Values of settings as the server said them last, or as set_config answered them. */
  readonly #values = new Map<string, string | null>()
  /** What changed since the server was asked, so that its value, or whether it is, is not known. */
  readonly #touched = new Set<string>()
  #version = 0
  #restorable = true

  /** Whether it could be made again when that was last tried. */
  get restorable(): boolean {
    return this.#restorable
  }

  /** What cannot be made again, if there is such a thing. */
  get anchor(): string | undefined {
    return this.#anchors.what
  }

  /** Whether notifications are awaited. */
  get listening(): boolean {
    return this.#log.has('listen:')
  }

  /** How many statements it takes to make it again. */
  get size(): number {
    return this.#log.size
  }

  /** Another number after each change. */
  get version(): number {
    return this.#version
  }

  /** The names of the settings that were made here, in lower case. */
  *names(): Iterable<string> {
    for (const key of this.#log.keys('set:')) yield key.slice(4)
    yield* this.#anchors.names()
  }

  /** Whether a setting was made whose value only the server knows. */
  get unsure(): boolean {
    return this.#anchors.unsure
  }

  /** The statement by which SQL prepared a name, if it was. */
  prepared(name: string): string | undefined {
    const text = this.#log.text(`prepare:${name}`)
    return text === undefined || isWithin(text) ? undefined : text
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
    let login = false
    for (const [key, value] of facts.settings) {
      const before = this.#values.get(key) ?? null
      if (before === value && !touched.has(key)) continue
      // What was local to a transaction leaves an empty placeholder behind.
      if (!touched.has(key) && !(value === '' && before === null)) found = true
      if (value === null) this.#drop(key)
      else this.#assign(key, value)
      login ||= key === 'authorization'
    }
    const role = facts.settings.get('role')
    // Whatever makes the login's user again gives up the role that was taken before it.
    if (login && role) this.#log.make('role', toSet('role', role))
    const channels = new Map([...facts.channels].map((name) => [name, `LISTEN ${quoted(name)}`]))
    if (this.#learnCommands('prepare:', facts.prepared)) found = true
    if (this.#learnCommands('listen:', channels)) found = true
    if (this.#anchors.learn(facts, touched)) found = true
    return found || (touched.size === 0 ? false : undefined)
  }

  /** The anchored things went with their connection. */
  loseAnchors(): void {
    this.#anchors.clear('')
  }

  /** A setting was made that the server does not tell of, since nobody knows its name. */
  hide(): void {
    this.#version += 1
    this.#anchors.set('config:()', 'a setting that a function may have made')
  }

  /** Something was set, and nobody can tell what. */
  forget(what: string): void {
    this.#version += 1
    this.#anchors.set('unknown', what)
  }

  /** Takes note of a change that is there to stay. */
  apply({ change, values, row, under = [] }: Change): void {
    const { key, effect, what, text, setting } = change
    this.#version += 1
    if (setting === undefined) for (const name of touchedBy(key)) this.#touched.add(name)
    if (effect === 'clear') this.#clear(key)
    else if (effect === 'drop') this.#drop(named(key, values))
    else if (effect === 'anchor') this.#anchors.hold(named(key, values), what)
    else if (setting === undefined)
      this.#log.make(key, under.length > 0 ? within(under, text) : text)
    else this.#set(key, setting, values, row)
  }

  /**
   * Makes everything again.
   * @throws StateNotRestored when the server refuses one of the statements: then none is in place
   * @throws Interrupted when the connection ends
   */
  async restore(ask: Inquiry): Promise<void> {
    const { messages } = this.#log
    this.#restorable = true
    // A savepoint needs a transaction around it, and so do several messages that are one piece.
    if (messages.length > 1 || messages.flat().some(isWithin)) {
      messages[0]?.unshift('BEGIN')
      messages.at(-1)?.push('COMMIT')
    }
    for (const texts of messages) {
      const { code } = await ask(texts.join(';\n'))
      if (code === undefined) continue
      this.#restorable = false
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
      this.#anchors.set(`config:${setting.toLowerCase()}`, 'a setting whose value was not seen')
      return
    }
    const shown = value === null ? null : String(value)
    this.#values.set(made, shown)
    // A value may be shown otherwise than pg_settings has it: a placeholder's is not.
    if (!made.includes('.')) this.#touched.add(made)
    this.#log.make(made, toSet(setting, shown))
  }

  /** A setting has this value now. */
  #assign(key: string, value: string): void {
    this.#values.set(key, value)
    this.#log.amend(key, toSet(nameOf(key), value))
  }

  /** What the server has of PREPARE or LISTEN, and what it does not have. */
  #learnCommands(prefix: string, texts: ReadonlyMap<string, string>): boolean {
    const made = new Set(this.#log.keys(prefix))
    let found = false
    for (const [name, text] of texts) {
      if (made.delete(prefix + name)) continue
      this.#log.make(prefix + name, text)
      found = true
    }
    for (const key of made) this.#drop(key)
    return found || made.size > 0
  }

  #drop(key: string): void {
    this.#values.delete(key)
    this.#log.drop(key)
    this.#anchors.letGo(key)
  }

  #clear(key: string): void {
    const prefix = key.slice(0, -1)
    for (const name of [...this.#values.keys()]) {
      if (name.startsWith(prefix)) this.#values.delete(name)
    }
    this.#anchors.clear(prefix)
    this.#log.clear(prefix)
  }
}

/** What a change by a text leaves unknown: the setting's value, or which anchors of a kind there are. */
function touchedBy(key: string): string[] {
  if (key.startsWith('set:') || key === 'role' || key === 'authorization') return [key]
  const kind = kindOf(key)
  return isAnchorKind(kind) ? [kind] : []
}
