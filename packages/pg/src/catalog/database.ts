import { publish } from '@reprise/core'
import type { Inquiry } from '../connection/inquiry.ts'
import { leaving } from './leaving.ts'
import type { Reach } from './reach.ts'
import { stateText } from './reach-question.ts'
import { type Reading, readReach } from './read-reach.ts'
import { writing } from './writing.ts'

/** How long the catalog is believed before it is looked at again, in milliseconds. */
const fresh = 60_000

/** How long nobody tries again to read what could not be read, in milliseconds. */
const pause = 5_000

const unread =
  'This server does not tell what functions and triggers its database has: what one leaves in a session, a setting say, is not seen, and not there any more on a new connection.'

/** What the sessions with one database know of it together. */
export class Database {
  /** Settings to ask after by their names: those of an extension's kind (`app.tenant`) no view lists. */
  readonly settings: Set<string> = new Set()
  /** Grows when more can be reached than was known: whoever ran something before may have reached it. */
  epoch = 0
  #reach: Reach | undefined
  #state: string | undefined
  #verifiedAt = Number.NEGATIVE_INFINITY
  #changed = false
  #asking = false
  #triedAt = Number.NEGATIVE_INFINITY
  #writing: Reading | undefined

  /** What statements can reach here; undefined until it was read. */
  get reach(): Reach | undefined {
    return this.#reach
  }

  /** Whether it is to be read, or read again, and nobody is doing that. */
  get due(): boolean {
    const now = performance.now()
    if (this.#asking || now - this.#triedAt < pause) return false
    return this.#changed || now - this.#verifiedAt > fresh
  }

  /** Something in it was defined anew. */
  change(): void {
    this.#changed = true
  }

  /** Whether what is known was still true at a moment, by the clock of `performance.now()`. */
  isKnownSince(moment: number): boolean {
    return this.#reach !== undefined && !this.#changed && this.#verifiedAt >= moment
  }

  /**
   * Reads what is not known, or may be no longer true.
   * @throws Interrupted when the connection ends
   */
  async refresh(ask: Inquiry): Promise<void> {
    this.#asking = true
    const changed = this.#changed
    this.#changed = false
    const now = performance.now()
    let seen = false
    try {
      seen = (await isUnchanged(this.#state, ask)) || (await this.#read(ask))
      if (seen) this.#verifiedAt = now
      else this.#triedAt = performance.now()
    } finally {
      this.#asking = false
      // Nobody has looked at it.
      if (!seen) this.#changed ||= changed
    }
  }

  /** @returns whether it could be read: what was known is more than nothing */
  async #read(ask: Inquiry): Promise<boolean> {
    const reading = await readReach(leaving, ask)
    if (reading === 'interrupted') return false
    const { reach, settings, state } = reading
    if (state === undefined && this.#reach === undefined)
      publish('reprise:advice', { advice: unread })
    const news = [...settings].filter((name) => !this.settings.has(name))
    if (this.#reach !== undefined && (news.length > 0 || !this.#reach.covers(reach)))
      this.epoch += 1
    for (const name of news) this.settings.add(name)
    this.#reach = reach
    this.#state = state
    return true
  }

  /**
   * What of it can write, as it is now, where a text only reads.
   * @returns undefined where the server does not say
   * @throws Interrupted when the connection ends
   */
  async writers(ask: Inquiry): Promise<Reach | undefined> {
    if (!(await isUnchanged(this.#writing?.state, ask))) {
      const reading = await readReach(writing, ask)
      this.#writing = reading === 'interrupted' ? undefined : reading
    }
    return this.#writing?.state === undefined ? undefined : this.#writing.reach
  }
}

async function isUnchanged(state: string | undefined, ask: Inquiry): Promise<boolean> {
  if (state === undefined) return false
  const { rows, code } = await ask(stateText)
  return code === undefined && rows[0]?.[0] === state
}
