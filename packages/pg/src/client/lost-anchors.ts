import {
  type Condition,
  classify,
  type RepriseError,
  type Settings,
  type Statement,
  surfaced,
} from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Link } from '../link/link.ts'
import { tellSurfaced } from '../recovery/surface.ts'
import { idleEvidence } from '../transaction/server-errors.ts'
import { onlyEnds } from '../transaction/transaction-end.ts'
import type { IdleInquiry } from './idle-inquiry.ts'

/** The conversation whose anchors they were. */
interface Anchored {
  readonly settings: Settings
  readonly link: Link
  readonly inquiry: IdleInquiry
}

/** Who is told that a session has become useless to its holder. */
export interface AnchorsOwner {
  /** Whether a pool of pg's looks after it, and sees at its release what it is good for. */
  pooled(): boolean
  /** What pg's client says by `error`, which is what leaders and other pools listen for. */
  anchorLost(error: Error): void
}

interface Why {
  readonly condition: Condition
  readonly cause: unknown
}

/**
 * What went with a connection and nobody can make again: locks, temporary tables. As long as there is
 * no new connection the session's anchors stand for it. Beyond that, this does, for as long as the
 * session is held: whoever goes on as if he still had them (by trying again what was not sent) is
 * stopped each time, as he is by pg's client.
 */
export class LostAnchors {
  readonly #session: Anchored
  readonly #owner: AnchorsOwner
  #why: Why | undefined
  #heard = false

  constructor(session: Anchored, owner: AnchorsOwner) {
    this.#session = session
    this.#owner = owner
  }

  /** They were lost while nothing was under way: their holder hears it at once, of each loss once. */
  lostIdle(connection: Connection): void {
    if (this.#session.link.state.anchor !== undefined) this.#tell(errorOf(ofIdle(connection)))
  }

  /**
   * A new connection may be had without them.
   * @param failure what was told of the loss; without it nothing was under way
   */
  keep(failure?: Error): void {
    const { state, connection } = this.#session.link
    if (state.anchor !== undefined) {
      this.#why = (failure && ofFailure(failure)) ?? ofIdle(connection)
      state.loseAnchors()
    }
    // What a pool of another kind is not told of it hands on.
    const useless = this.#why !== undefined || !state.restorable
    if (useless && failure !== undefined && !this.#owner.pooled()) this.#tell(failure)
  }

  /** Whether they stand in the way of a statement: of all but the end of a transaction. */
  bar(statement: Statement): boolean {
    return this.#why !== undefined && !(onlyEnds(statement) && statement.rollsBack)
  }

  /** What is told, each time, to whoever asks for anything without them. */
  told(): RepriseError {
    const failure = errorOf(this.#why ?? ofIdle(this.#session.link.connection))
    tellSurfaced(this.#session, failure)
    return failure
  }

  /** The session is given back: nobody is left who could go on as if he had them. */
  released(): void {
    this.#why = undefined
    this.#heard = false
    const { usable, client } = this.#session.link.connection
    // A socket is destroyed before anybody hears of it.
    if (!usable || !client.connection.stream.writable) this.forgive()
  }

  /** All that is gone is nobody's. */
  forgive(): void {
    this.#session.link.state.loseAnchors()
    this.#session.inquiry.clear()
  }

  #tell(error: Error): void {
    if (this.#heard) return
    this.#heard = true
    this.#owner.anchorLost(error)
  }
}

function errorOf({ condition, cause }: Why): RepriseError {
  return surfaced({ outcome: 'not-sent', condition, reason: 'anchored', attempts: 1, cause })
}

/** It stays the cause: whoever cleans up behind it, by unlocking say, puts another error before it. */
function ofFailure(failure: Partial<RepriseError>): Why | undefined {
  const { condition } = failure
  return condition && { condition, cause: failure }
}

function ofIdle(connection: Connection): Why {
  const { lastWords, lastNotice, socketError } = connection
  const cause = lastWords ?? lastNotice ?? socketError ?? new Error('the connection was closed')
  return { condition: classify(idleEvidence(connection)).condition, cause }
}
