import type { Inquiry } from './inquiry.ts'
import type { PendingState } from './transaction.ts'

/** A statement that set session state could not be repeated on a new connection. */
export class StateNotRestored extends Error {
  override readonly name = 'StateNotRestored'
}

/** A statement that makes a piece of session state. */
interface Setting {
  readonly text: string
  readonly values: readonly unknown[] | undefined
}

/**
 * What the application has made of its session beyond transactions: settings, roles, prepared
 * statements, channels. All of it is made again on a new connection before anything else runs there.
 */
export class SessionState {
  /** The statement that made each piece, in the order in which the last of each was made. */
  readonly #made = new Map<string, Setting>()
  /** What cannot be made again, in words. */
  readonly #anchors = new Map<string, { readonly what: string; count: number }>()

  /** What cannot be made again, if there is such a thing. */
  get anchor(): string | undefined {
    return this.#anchors.values().next().value?.what
  }

  /** Whether notifications are awaited. */
  get listening(): boolean {
    for (const key of this.#made.keys()) if (key.startsWith('listen:')) return true
    return false
  }

  /** The anchored things went with their connection. */
  loseAnchors(): void {
    this.#anchors.clear()
  }

  /** Takes note of a statement that succeeded outside a transaction, or whose transaction committed. */
  apply({ values, changes }: PendingState): void {
    for (const { key, effect, what, text } of changes) {
      if (effect === 'clear') this.#clear(key)
      else if (effect === 'drop') this.#drop(named(key, values))
      else if (effect === 'anchor') this.#hold(named(key, values), what)
      else this.#make(named(key, values), text, values)
    }
  }

  /**
   * Makes everything again.
   * @throws StateNotRestored when the server refuses one of the statements
   * @throws Interrupted when the connection ends
   */
  async restore(ask: Inquiry): Promise<void> {
    for (const { text, values } of this.#made.values()) {
      const { code } = await ask(text, values && [...values])
      if (code !== undefined) {
        throw new StateNotRestored(`the session state could not be set up again: ${code}`)
      }
    }
  }

  #make(key: string, text: string, values: readonly unknown[] | undefined): void {
    this.#made.delete(key)
    this.#made.set(key, { text, values })
  }

  /** An advisory lock is held until it was let go of as often as it was taken. */
  #hold(key: string, what: string): void {
    const held = this.#anchors.get(key)
    if (held === undefined) this.#anchors.set(key, { what, count: 1 })
    else held.count += 1
  }

  #drop(key: string): void {
    // RESET goes back to the default of the database or role, which a new connection starts with.
    this.#made.delete(key)
    const held = this.#anchors.get(key)
    if (held !== undefined && --held.count <= 0) this.#anchors.delete(key)
  }

  #clear(key: string): void {
    const prefix = key.slice(0, -1)
    for (const held of [this.#made, this.#anchors] as Map<string, unknown>[]) {
      for (const name of [...held.keys()]) if (name.startsWith(prefix)) held.delete(name)
    }
  }
}

/** What came as a parameter is not in the key: the name of a setting, the number of a lock. */
function named(key: string, values: readonly unknown[] | undefined): string {
  const open = key.startsWith('config:') || key.startsWith('advisory:')
  return open && values !== undefined && values.length > 0
    ? `${key}\0${JSON.stringify(values)}`
    : key
}
