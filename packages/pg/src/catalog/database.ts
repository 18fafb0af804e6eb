import { clock, publish } from '@reprise/core'
import type { Inquiry } from '../connection/inquiry.ts'
import { elsewhere } from './elsewhere.ts'
import { type Here, KnownReach } from './known-reach.ts'
import { leaving } from './leaving.ts'
import type { Reach } from './reach.ts'
import type { Reading } from './read-reach.ts'
import { writing } from './writing.ts'

/** How long the catalog is believed before it is looked at again, in milliseconds. */
const fresh = 60_000

const unread =
  'This server does not tell what functions and triggers its database has: what one leaves in a session, a setting say, is not seen, and not there any more on a new connection.'

/** What the sessions with one database know of it together. */
export class Database {
  /** Settings to ask after by their names: those of an extension's kind (`app.tenant`) no view lists. */
  readonly settings: Set<string> = new Set()
  /** Grows when more can be reached than was known: whoever ran something before may have reached it. */
  epoch = 0
  /** Grows with it when something of that has no name. */
  unnamedEpoch = 0
  readonly #leaving = new KnownReach(leaving, (reading, before) => this.#learned(reading, before))
  readonly #writing = new KnownReach(writing, () => undefined)
  readonly #elsewhere = new KnownReach(elsewhere, () => undefined)

  /** What statements can reach here; undefined until it was read. */
  get reach(): Reach | undefined {
    return this.#leaving.reading?.reach
  }

  /**
   * Whether anything in it may have another server commit something, as it was at the last look, which is a
   * minute old at most where somebody works; undefined until then.
   */
  get knowsOthers(): boolean | undefined {
    return this.#leaving.reading?.others
  }

  /**
   * Whether it is to be read, or read again, and nobody is doing that.
   * @param moment by the clock of `performance.now()`: when something ran that may have reached it
   */
  isDue(moment: number = clock.now()): boolean {
    return this.#leaving.isDue(moment - fresh)
  }

  /** Something in it was defined anew. */
  change(): void {
    this.#leaving.change()
    this.#writing.change()
    this.#elsewhere.change()
  }

  /** As {@link KnownReach.isKnownSince}. */
  isKnownSince(moment: number): boolean {
    return this.#leaving.isKnownSince(moment)
  }

  /** As {@link KnownReach.knowSince}. */
  knowSince(moment: number, ask: Inquiry, here: Here): Promise<boolean> {
    return this.#leaving.knowSince(moment, ask, here)
  }

  /** As {@link KnownReach.look}. */
  refresh(ask: Inquiry, here: Here): Promise<void> {
    return this.#leaving.look(ask, here)
  }

  /**
   * What of it can write, as it was at a moment or later, where a text only reads.
   * @returns undefined where the server does not say
   * @throws Interrupted when the connection ends
   */
  writers(moment: number, ask: Inquiry, here: Here): Promise<Reach | undefined> {
    return reachOf(this.#writing, moment, ask, here)
  }

  /**
   * What of it has an effect that does not go with its transaction, as {@link elsewhere} tells them apart,
   * as it was at a moment or later.
   * @returns undefined where the server does not say
   * @throws Interrupted when the connection ends
   */
  outside(moment: number, ask: Inquiry, here: Here): Promise<Reach | undefined> {
    return reachOf(this.#elsewhere, moment, ask, here)
  }

  #learned({ reach, settings, state }: Reading, before: Reading | undefined): void {
    if (state === undefined && before === undefined) publish('reprise:advice', { advice: unread })
    const news = [...settings].filter((name) => !this.settings.has(name))
    if (before !== undefined && (news.length > 0 || !before.reach.covers(reach))) this.epoch += 1
    if (before !== undefined && !before.reach.covers(reach.unnamed)) this.unnamedEpoch += 1
    for (const name of news) this.settings.add(name)
  }
}

async function reachOf(
  known: KnownReach,
  moment: number,
  ask: Inquiry,
  here: Here,
): Promise<Reach | undefined> {
  if (!(await known.knowSince(moment, ask, here))) return undefined
  const { reading } = known
  return reading?.state === undefined ? undefined : reading.reach
}
