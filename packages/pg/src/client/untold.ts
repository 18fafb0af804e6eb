import { classify } from '@reprise/core'
import type { Link } from '../link/link.ts'
import { idleEvidence } from '../transaction/server-errors.ts'
import type { IdleInquiry } from './idle-inquiry.ts'
import { anchorError } from './loss-report.ts'

/**
 * What went with a connection, that nobody can make again, and that its holder has not been told of.
 * As long as there is no new connection the session's anchors stand for it; beyond that, this does.
 */
export class Untold {
  readonly #link: Link
  readonly #inquiry: IdleInquiry
  #error: Error | undefined

  constructor(link: Link, inquiry: IdleInquiry) {
    this.#link = link
    this.#inquiry = inquiry
  }

  /** A new connection may be had without it: whoever asks for anything is told first. */
  keep(): void {
    const { state, connection } = this.#link
    if (state.anchor === undefined) return
    this.#error = anchorError(classify(idleEvidence(connection)), connection)
    state.loseAnchors()
  }

  /** What has to be told before anything else is done, once. */
  take(): Error | undefined {
    const error = this.#error
    this.#error = undefined
    return error
  }

  /** The session is given back: nobody is left who would have to be told of what is gone. */
  released(): void {
    this.#error = undefined
    if (!this.#link.connection.usable) this.forgive()
  }

  /** All that is gone was told of, or is nobody's. */
  forgive(): void {
    this.#link.state.loseAnchors()
    this.#inquiry.clear()
  }
}
