import type { Inquiry } from './ask.ts'
import type { PendingState } from './transaction.ts'

/** A statement that set session state could not be repeated on a new connection. */
export class StateNotRestored extends Error {
  override readonly name = 'StateNotRestored'
}

/** A statement that makes a piece of session state. */
interface Setting {
  readonly text: string
  readonly values: unknown[] | undefined
}

/**
 * What the application has made of its session beyond transactions: settings, roles, prepared
 * statements, channels. All of it is made again on a new connection before anything else runs there.
 */
export class SessionState {
  /** The statement that made each piece, in the order in which the last of each was made. */
  readonly #made = new Map<string, Setting>()
  /** What cannot be made again, in words. */
  readonly #anchors = new Map<string, string>()

  /** What cannot be made again, if there is such a thing. */
  get anchor(): string | undefined {
    return this.#anchors.values().next().value
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
  apply({ exchange, changes }: PendingState): void {
    for (const { key, effect, what, text } of changes) {
      if (effect === 'clear') this.#clear(key)
      else if (effect === 'drop') this.#drop(key)
      else if (effect === 'anchor') this.#anchors.set(key, what)
      else this.#make(key, text, exchange.values)
    }
  }

  /**
   * Makes everything again.
   * @throws StateNotRestored when the server refuses one of the statements
   * @throws Interrupted when the connection ends
   */
  async restore(ask: Inquiry): Promise<void> {
    for (const { text, values } of this.#made.values()) {
      const { code } = await ask(text, values)
      if (code !== undefined) {
        throw new StateNotRestored(`the session state could not be set up again: ${code}`)
      }
    }
  }

  #make(name: string, text: string, values: unknown[] | undefined): void {
    // The name of a setting that came as a parameter is not in the key.
    const key = name.startsWith('config:') ? `${name}\0${JSON.stringify(values)}` : name
    this.#made.delete(key)
    this.#made.set(key, { text, values })
  }

  #drop(key: string): void {
    // RESET goes back to the default of the database or role, which a new connection starts with.
    this.#anchors.delete(key)
    this.#made.delete(key)
  }

  #clear(key: string): void {
    const prefix = key.slice(0, -1)
    for (const held of [this.#made, this.#anchors] as Map<string, unknown>[]) {
      for (const name of [...held.keys()]) if (name.startsWith(prefix)) held.delete(name)
    }
  }
}
