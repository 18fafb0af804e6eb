import type { SessionFacts } from './session-facts.ts'

/**
 * What the session holds and a new one cannot be given, by key: advisory locks, temporary tables,
 * cursors WITH HOLD, settings made out of sight.
 */
export class Anchors {
  readonly #held = new Map<string, { readonly what: string; count: number }>()

  /** One of them in words, if there is one. */
  get what(): string | undefined {
    return this.#held.values().next().value?.what
  }

  /** Whether a setting was made whose value only the server knows. */
  get unsure(): boolean {
    for (const key of this.#held.keys()) if (unseen(key) !== undefined) return true
    return false
  }

  /** The names of such settings, in lower case. */
  *names(): Iterable<string> {
    for (const key of this.#held.keys()) {
      const name = unseen(key)
      if (name !== undefined) yield name
    }
  }

  /** There is this one, once. */
  set(key: string, what: string): void {
    this.#held.set(key, { what, count: 1 })
  }

  /** Something was taken. An advisory lock is held until it was let go of as often as it was taken. */
  hold(key: string, what: string): void {
    const held = this.#held.get(key)
    if (held === undefined) this.set(key, what)
    else held.count += 1
  }

  /** Something was let go of, once. */
  letGo(key: string): void {
    const held = this.#held.get(key)
    if (held !== undefined && --held.count <= 0) this.#held.delete(key)
  }

  /** All whose keys begin so are gone. */
  clear(prefix: string): void {
    for (const key of [...this.#held.keys()]) if (key.startsWith(prefix)) this.#held.delete(key)
  }

  /**
   * They are as the server has them; what it was not asked about stays.
   *
   * @param touched the kinds of which a text had changed something that it does not show
   * @returns whether something was found that no text had shown
   */
  learn({ anchors, settings }: SessionFacts, touched: ReadonlySet<string>): boolean {
    let found = false
    for (const [key, { what, count }] of [...this.#held]) {
      const kind = kindOf(key)
      if (isAnchorKind(kind) && !anchors.has(key)) {
        this.#held.delete(key)
        found ||= !touched.has(kind)
      }
      const name = unseen(key)
      if (name === undefined) continue
      this.#held.delete(key)
      // What no server shows by its name stays unknown.
      if (!settings.has(`set:${name}`)) this.#held.set(`config:(${name})`, { what, count })
    }
    for (const [key, what] of anchors) {
      if (this.#held.has(key)) continue
      this.set(key, what)
      found ||= !touched.has(kindOf(key))
    }
    return found
  }
}

/** The name of a setting that was made out of sight, if it is known. */
function unseen(key: string): string | undefined {
  return /^config:([\w.]+)$/.exec(key)?.[1]
}

/** The kind that the key of an anchor begins with. */
export function kindOf(key: string): string {
  return key.replace(/:.*$/s, '')
}

/** Whether the server can be asked about anchors of a kind. */
export function isAnchorKind(kind: string): boolean {
  return kind === 'advisory' || kind === 'temp' || kind === 'cursor'
}
