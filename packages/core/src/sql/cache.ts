/** What an entry weighs besides its key. */
const overhead = 1024

/**
 * Remembers what was asked for lately, in two generations: what nobody has asked for during a whole
 * one is forgotten with it. It never holds more than twice its bound.
 */
export class Cache<Value> {
  readonly #bound: number
  #weight = 0
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  /** @param bound what one generation may weigh, in bytes, at two bytes for a character of a key */
  constructor(bound: number) {
    this.#bound = bound
  }

  get(key: string): Value | undefined {
    const known = this.#young.get(key)
    if (known !== undefined) return known
    const value = this.#old.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    const weight = 2 * key.length + overhead
    if (this.#weight + weight > this.#bound) {
      this.#old = this.#young
      this.#young = new Map()
      this.#weight = 0
    }
    this.#weight += weight
    this.#young.set(key, value)
  }
}
