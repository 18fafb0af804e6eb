import { clock } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { type Incarnation, sameIncarnation } from '../connection/incarnation.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { stateText } from './reach-question.ts'
import { type Reading, readReach, type Sought } from './read-reach.ts'

/** How long another session's look is waited for before a session looks for itself, in milliseconds. */
const patience = 100

/** How long nobody tries again to read what could not be read, in milliseconds. */
const failurePause = 5_000

/** Who is asked, as far as a connection was told. */
export type Here = Pick<Connection, 'backend' | 'snapshot'>

/** Which transactions were over at a look (pg_current_snapshot()), and in which life of which server. */
interface Seen {
  readonly snapshot: string | undefined
  readonly incarnation: Incarnation | undefined
}

/**
 * What of a database's own does what is sought, as all sessions with it know it together: those who need
 * it at the same time ask once, and nobody asks again where the server says that nothing was written.
 */
export class KnownReach {
  readonly #sought: Sought
  readonly #learned: (reading: Reading, before: Reading | undefined) => void
  #reading: Reading | undefined
  #seen: Seen | undefined
  #verifiedAt = Number.NEGATIVE_INFINITY
  #failedAt = Number.NEGATIVE_INFINITY
  #changed = false
  /** Who looks at it now, and since when. */
  #looking: { readonly from: number; readonly done: Promise<void> } | undefined

  /** @param learned is called when it was read, and not only found to be as it was */
  constructor(sought: Sought, learned: (reading: Reading, before: Reading | undefined) => void) {
    this.#sought = sought
    this.#learned = learned
  }

  /** What was read last; undefined until then. */
  get reading(): Reading | undefined {
    return this.#reading
  }

  /** Whether nobody has looked at it since a moment, nor does now. */
  isDue(moment: number): boolean {
    if (!this.#changed && this.#verifiedAt >= moment) return false
    return this.#looking === undefined && clock.now() - this.#failedAt >= failurePause
  }

  /** Something in the database was defined anew. */
  change(): void {
    this.#changed = true
  }

  /** Whether what is known was still true at a moment, by the clock of `performance.now()`. */
  isKnownSince(moment: number): boolean {
    return this.#reading !== undefined && !this.#changed && this.#verifiedAt >= moment
  }

  /**
   * Sees to it that what is known was still true at a moment.
   * @param here a connection that is newer than the moment
   * @returns whether it is known now: another time the server may say
   * @throws Interrupted when the connection ends
   */
  async knowSince(moment: number, ask: Inquiry, here: Here): Promise<boolean> {
    if (this.isKnownSince(moment) || this.#isUntouched(here)) return true
    const looking = this.#looking
    if (looking !== undefined && looking.from >= moment) {
      await Promise.race([looking.done, clock.pause(patience, undefined, { ref: false })])
      if (this.isKnownSince(moment)) return true
    }
    await this.look(ask, here)
    return this.isKnownSince(moment)
  }

  /**
   * Reads what is not known, or may be no longer true.
   * @throws Interrupted when the connection ends
   */
  look(ask: Inquiry, here: Here): Promise<void> {
    const from = clock.now()
    const work = this.#look(from, ask, here.backend?.incarnation)
    const looking = { from, done: work.catch(() => undefined) }
    this.#looking = looking
    return work.finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
  }

  async #look(from: number, ask: Inquiry, incarnation: Incarnation | undefined): Promise<void> {
    const changed = this.#changed
    this.#changed = false
    let looked = false
    try {
      const seen = (await this.#unchanged(ask)) ?? (await this.#read(ask))
      if (seen === undefined) {
        this.#failedAt = clock.now()
        return
      }
      looked = true
      this.#verifiedAt = from
      this.#seen = { snapshot: seen.snapshot, incarnation }
    } finally {
      // Nobody has looked at it.
      if (!looked) this.#changed ||= changed
    }
  }

  async #unchanged(ask: Inquiry): Promise<Pick<Seen, 'snapshot'> | undefined> {
    const { state } = this.#reading ?? {}
    if (state === undefined) return undefined
    const { rows, code } = await ask(stateText)
    const [now, snapshot] = rows[0] ?? []
    if (code !== undefined || now !== state) return undefined
    return { snapshot: typeof snapshot === 'string' ? snapshot : undefined }
  }

  /**
   * What was known is more than nothing, where the server would not say, or does not say it to this
   * session: others may be told.
   */
  async #read(ask: Inquiry): Promise<Reading | undefined> {
    const reading = await readReach(this.#sought, ask)
    if (reading === 'interrupted') return undefined
    if (reading.state === undefined && this.#reading?.state !== undefined) return undefined
    this.#learned(reading, this.#reading)
    this.#reading = reading
    return reading
  }

  /**
   * Whether not one transaction has ended on that server since: without one, nothing in the catalog
   * changes. A crash may have taken some with it that had ended.
   */
  #isUntouched({ backend, snapshot }: Here): boolean {
    const { incarnation, snapshot: before } = this.#seen ?? {}
    if (this.#reading?.state === undefined || this.#changed) return false
    if (backend === undefined || incarnation === undefined || snapshot === undefined) return false
    return snapshot === before && sameIncarnation(backend.incarnation, incarnation)
  }
}
