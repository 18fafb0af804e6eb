import { clock } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Shared } from '../exchange/shared.ts'
import type { Link } from '../link/link.ts'
import { SessionInquiry } from '../transaction/session-inquiry.ts'
import type { Ran } from '../transaction/unjudged.ts'

/** Who hears what came of an inquiry. */
export interface IdleInquiryOwner {
  /** Whether a transaction is open: then it is too early to ask. */
  readonly open: boolean
  /** The connection was lost while it was only being asked about itself: as good as idle. */
  lostIdle(connection: Connection): void
  /** What was asked for has its answer. Answers whether it was told that nothing else waits. */
  drained(): boolean
  /** There is nothing to ask any more: the next work may begin. `told` says that it was told of drained. */
  next(told?: boolean): void
}

/** Nobody ends what the session asks of itself but its connection. */
const { signal: never } = new AbortController()

/**
 * Asks the server, between two pieces of work, what statements may have left in the session out of
 * sight.
 */
export class IdleInquiry {
  /** Whether the session is asking now. */
  asking = false
  /** For how long it has been asking, up to when it asks now, and since when that is. */
  #askedFor = 0
  #askingSince = 0
  readonly #link: Link
  readonly #shared: Shared
  readonly #owner: IdleInquiryOwner
  #inquiry: SessionInquiry | undefined

  constructor(link: Link, shared: Shared, owner: IdleInquiryOwner) {
    this.#link = link
    this.#shared = shared
    this.#owner = owner
  }

  /** For how long the session has been asking on its own account, in all, in milliseconds. */
  get asked(): number {
    return this.#askedFor + (this.asking ? clock.now() - this.#askingSince : 0)
  }

  /**
   * A statement has its answer: what it may have done out of sight is asked when the session is idle.
   * @param at when, by the clock of `performance.now()`; by default it is now
   */
  note(ran: Ran, at?: number): void {
    if (this.#inquiry === undefined) {
      this.#inquiry = new SessionInquiry(this.#link.state, this.#link.server.database)
    }
    this.#inquiry.note(ran, this.#owner.open, this.#link.connection, at)
  }

  /** Asks what there is to ask, then lets the next work begin. */
  rest(): void {
    const { connection } = this.#link
    const { open } = this.#owner
    if (!open && !connection.usable) this.#inquiry?.lost()
    if (!open && this.#inquiry?.isDue(connection) === true)
      void this.#ask(this.#inquiry, connection)
    else this.#owner.next()
  }

  /** Asks for a sign of life, and gives the connection up that gives none. */
  async pulse(): Promise<void> {
    const { connection } = this.#link
    await this.#while(connection, async (ask) => void (await ask('SELECT 1')))
    // Given up by nobody's wish: as good as lost.
    if (!connection.usable && connection.asked) this.#owner.lostIdle(connection)
  }

  async #ask(about: SessionInquiry, connection: Connection): Promise<void> {
    let told = false
    await this.#while(connection, async (ask) => {
      told = this.#owner.drained()
      connection.tells = await about.ask(ask, connection)
    })
    this.#owner.next(told)
  }

  async #while(connection: Connection, asks: (ask: Inquiry) => Promise<void>): Promise<void> {
    this.asking = true
    this.#askingSince = clock.now()
    try {
      await asks(inquiry(this.#shared.Exchange, connection, never))
    } catch {
      // What is not known of a connection that lives on must not be relied on: it ends as well.
      if (connection.usable) connection.destroy()
      else if (!connection.asked) {
        connection.lastWords ??= connection.errorFrame
        this.#owner.lostIdle(connection)
      }
    } finally {
      this.#askedFor = this.asked
      this.asking = false
    }
  }

  /**
   * The connection is gone, and what nobody had asked yet with it.
   * @returns whether there was something to ask
   */
  lost(): boolean {
    return this.#inquiry?.lost() === true
  }

  /**
   * Judges on a new connection what nobody could ask of the one that is gone.
   * @throws Interrupted when the connection ends
   */
  async judgeLost(ask: Inquiry, connection: Connection): Promise<void> {
    await this.#inquiry?.judgeLost(ask, connection)
  }

  /** Nothing of what was to be asked matters any more. */
  clear(): void {
    this.#inquiry?.clear()
  }
}
