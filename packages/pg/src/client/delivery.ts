import {
  classify,
  keptIn,
  type Loss,
  RolledBackError,
  type Settings,
  type Statement,
  surfaced,
} from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Shared } from '../exchange/shared.ts'
import type { Link } from '../link/link.ts'
import { tellSurfaced } from '../recovery/surface.ts'
import {
  forgetsPrepared,
  isCancelledByRecovery,
  isDemoted,
  isUndone,
  isUndoneForSure,
  isWitnessForgotten,
  isWitnessRefused,
  refusesWitness,
} from '../transaction/server-errors.ts'
import type { Transaction } from '../transaction/transaction.ts'
import { tellUnit, transactionAfter } from '../transaction/transaction-after.ts'
import {
  isLeftOpen,
  isUnheededRollback,
  mayOpen,
  onlyEnds,
} from '../transaction/transaction-end.ts'
import type { IdleInquiry } from './idle-inquiry.ts'
import type { Listener } from './listener.ts'
import type { LostAnchors } from './lost-anchors.ts'

/** The conversation whose work is delivered. */
export interface Delivering {
  readonly settings: Settings
  readonly link: Link
  readonly inquiry: IdleInquiry
  readonly lostAnchors: LostAnchors
  transaction: Transaction | undefined
  /** Carries work to its end whose connection is lost, or whose error is about the server. */
  rescue(exchange: Exchange, lost: Connection, known?: Loss): void
}

/** What is said of work that a standby cancelled, in the place of a row of the decision table. */
const cancelled = 'cancelled by recovery'

/** What an answer or a failure does to the session, before whoever asked has it. */
export class Delivery {
  readonly #conversation: Delivering
  readonly #shared: Shared
  readonly #listener: Listener

  constructor(conversation: Delivering, shared: Shared, listener: Listener) {
    this.#conversation = conversation
    this.#shared = shared
    this.#listener = listener
  }

  /** The work has its own answer, or the answer that it must have had. */
  finish(exchange: Exchange, connection: Connection): void {
    const conversation = this.#conversation
    const { link } = conversation
    const undone = exchange.error && this.#undone(exchange, connection)
    if (undone !== undefined) {
      // One that only had a read cancelled is as good as before.
      if (undone.row !== cancelled || connection.status !== 'I') connection.destroy()
      const evidence = classify(exchange.evidence(connection))
      const loss: Loss = { ...evidence, outcome: 'rolled-back', ...undone, announced: true }
      conversation.rescue(exchange, connection, loss)
      return
    }
    const error = exchange.refusal ?? exchange.error
    if (exchange.ending === 'refused' && !exchange.submitted) {
      const { code } = (error ?? {}) as { code?: string }
      if (error !== undefined && code === '40001') this.fail(exchange, error)
      else {
        this.deliver(exchange, error)
        this.#listener.idle()
      }
      return
    }
    if (isLeftOpen(exchange, connection)) {
      this.#refuseOpen(exchange, connection)
      return
    }
    const failed = isUnheededRollback(exchange)
    if (forgetsPrepared(exchange)) Object.assign(connection.prepared, { id: false, timed: false })
    const { version } = link.state
    conversation.transaction = transactionAfter(
      exchange,
      connection,
      conversation.transaction,
      link.state,
      conversation.settings,
    )
    const { inquiry } = conversation
    inquiry.note(exchange, exchange.ending === 'ready' ? connection.idleSince : undefined)
    if (exchange.ending === 'lost' && connection.usable) this.#leave(connection, version)
    if (error === undefined) link.hosts.budget.deposit()
    if (error === undefined) tellUnit(exchange, !link.server.witnessRefused)
    if (typeof exchange.witness?.xid === 'string' || exchange.token !== undefined)
      link.hosts.hasWritten()
    this.deliver(exchange, error ?? (failed ? new RolledBackError() : undefined))
    if (conversation.transaction !== undefined || exchange.statement.state.length > 0) {
      exchange.trim()
    }
    inquiry.rest()
  }

  /** The work is lost for good. */
  fail(exchange: Exchange, failure: Error): void {
    const { transaction, link, inquiry, lostAnchors } = this.#conversation
    const { connection } = link
    if (connection.usable && connection.status !== 'I') connection.destroy()
    inquiry.lost()
    // That nobody waits any more says nothing of a connection.
    if ((failure as { reason?: unknown }).reason !== 'timeout') lostAnchors.keep(failure)
    if (transaction !== undefined) {
      if (onlyEnds(exchange.statement)) this.#conversation.transaction = undefined
      else {
        transaction.broken = failure
        transaction.stopTaping('not-replayable')
      }
    }
    if (!isUndone(failure)) keptIn(exchange.unit)
    const behind = this.abandoned(exchange.statement)
    this.deliver(exchange, failure)
    behind(failure)
    this.#listener.idle()
  }

  /** The work was not sent. */
  refuse(exchange: Exchange, refusal: Error): void {
    const behind = this.abandoned(exchange.statement)
    this.deliver(exchange, refusal)
    behind(refusal)
    this.#listener.idle()
  }

  /** Where the server would not say who it is, it is not asked each time anew. */
  refuseIdentity(connection: Connection, code: string): void {
    if (!refusesWitness(code)) return
    connection.identifying = false
    this.#shared.refuseWitness(this.#conversation.link.server, code)
  }

  /** Gives whoever asked the answer. */
  deliver(exchange: Exchange, error?: Error): void {
    this.#listener.answered()
    exchange.deliver(error)
  }

  /**
   * Takes from the queue what was asked behind a statement that is lost and may have been about to open
   * a transaction: outside it, none of it may run.
   * @returns tells those who asked
   */
  abandoned(statement: Statement): (failure: Error) => void {
    const opens = this.#conversation.transaction === undefined && mayOpen(statement)
    return opens ? this.#listener.abandoned() : () => undefined
  }

  /**
   * The work was done on a connection that is gone, and so is what it left in the session there. The
   * next statement finds that out: what can be made again is, and an anchor is told of.
   */
  #leave(connection: Connection, version: number): void {
    const { link, inquiry } = this.#conversation
    const { state } = link
    const unseen = inquiry.lost()
    if (unseen || state.version !== version || state.anchor !== undefined) connection.destroy()
  }

  /** It is not committed, and nobody else will: to acknowledge it would be to lose it. */
  #refuseOpen(exchange: Exchange, connection: Connection): void {
    const { outcome } = classify(exchange.evidence(connection))
    this.#conversation.link.lostSightOf(connection)
    connection.destroy()
    const failure = surfaced({
      outcome,
      condition: 'protocol_violation',
      reason: 'left-open',
      attempts: exchange.losses + 1,
    })
    tellSurfaced(this.#conversation, failure)
    this.fail(exchange, failure)
  }

  /** Whether an error says more of the server than of the statement, which is then done elsewhere. */
  #undone(exchange: Exchange, connection: Connection): Partial<Loss> | undefined {
    if (exchange.error === undefined) return undefined
    if (isWitnessRefused(exchange, connection)) {
      this.#shared.refuseWitness(this.#conversation.link.server, exchange.error?.code)
      return isUndoneForSure(exchange) ? {} : { outcome: 'in-doubt' }
    }
    if (isWitnessForgotten(exchange) && this.#shared.preparing) {
      this.#shared.preparing = false
      return {}
    }
    const { link } = this.#conversation
    if (isCancelledByRecovery(exchange, connection)) {
      return this.#mayRepeat() ? { row: cancelled } : undefined
    }
    if (!isDemoted(exchange, connection, link.hosts.expectWrites)) return undefined
    link.hosts.insist()
    return { condition: 'read_only_sql_transaction', sqlstate: '25006' }
  }

  /** Whether nothing stands in the way of doing again what was undone; else its error is its answer. */
  #mayRepeat(): boolean {
    const { link, settings, transaction } = this.#conversation
    if (link.state.anchor !== undefined) return false
    if (transaction === undefined) return true
    return transaction.unreplayable === undefined && settings.replay !== 'off'
  }
}
