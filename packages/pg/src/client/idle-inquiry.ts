import { analyze, type Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Shared } from '../exchange/shared.ts'
import type { Link } from '../link/link.ts'
import { SessionInquiry } from '../transaction/session-inquiry.ts'

/** Who hears what came of an inquiry. */
export interface IdleInquiryOwner {
  /** Whether a transaction is open: then it is too early to ask. */
  readonly open: boolean
  /** The connection was lost while it was only being asked about itself: as good as idle. */
  lostIdle(connection: Connection): void
  /** There is nothing to ask any more: the next work may begin. */
  next(): void
}

/**
 * Asks the server, between two pieces of work, what statements may have left in the session out of
 * sight. Nothing is made, and nothing asked, for as long as no statement could have.
 */
export class IdleInquiry {
  /** Whether the session is asking now. */
  asking = false
  readonly #link: Link
  readonly #shared: Shared
  readonly #owner: IdleInquiryOwner
  #inquiry: SessionInquiry | undefined

  constructor(link: Link, shared: Shared, owner: IdleInquiryOwner) {
    this.#link = link
    this.#shared = shared
    this.#owner = owner
  }

  /** A statement has its answer: what it may have done out of sight is asked when the session is idle. */
  note(statement: Statement, text: string, failed: boolean): void {
    if (this.#inquiry === undefined) {
      if (statement.hides === 'nothing' && !this.#link.state.unsure) return
      const { host, port, database } = this.#link.connection.client
      const names = this.#shared.names(host, port, database)
      this.#inquiry = new SessionInquiry(this.#link.state, this.#shared.histories, names)
    }
    this.#inquiry.note(statement, text, failed, this.#link.connection)
  }

  /** Asks what there is to ask, then lets the next work begin. */
  rest(): void {
    const { connection } = this.#link
    const inquiry = this.#inquiry
    const { open } = this.#owner
    if (!open && !connection.usable) inquiry?.lost()
    if (open || inquiry?.isDue(connection) !== true) {
      this.#owner.next()
      return
    }
    const question = inquiry.question(this.#shared.Exchange)
    question.statement = analyze('SELECT 1')
    question.owner = {
      settled: () => {
        this.asking = false
        if (question.ending !== 'lost') inquiry.answered(question, connection)
        else if (!connection.asked) {
          connection.lastWords ??= question.error
          this.#owner.lostIdle(connection)
        }
        this.#owner.next()
      },
    }
    this.asking = true
    question.run(connection)
  }

  /**
   * The connection is gone, and what nobody had asked yet with it.
   * @returns whether there was something to ask
   */
  lost(): boolean {
    return this.#inquiry?.lost() === true
  }

  /** Nothing of what was to be asked matters any more. */
  clear(): void {
    this.#inquiry?.clear()
  }
}
