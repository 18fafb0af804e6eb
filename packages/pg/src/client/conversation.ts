import {
  analyze,
  classify,
  type Loss,
  publish,
  RolledBackError,
  type Settings,
  type Statement,
  surfaced,
} from '@reprise/core'
import type { ClientConfig } from 'pg'
import type { Connection } from '../connection/connection.ts'
import type { ReportMessage } from '../connection/wire.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Exchange, ExchangeClass, ExchangeOwner } from '../exchange/exchange.ts'
import type { Shared } from '../exchange/shared.ts'
import { unfollowable } from '../keep/keep.ts'
import { type Halt, Link, type LinkOwner } from '../link/link.ts'
import type { Recoverable } from '../recovery/preparation.ts'
import { recover } from '../recovery/recovery.ts'
import { judged, planWitness } from '../transaction/plan.ts'
import {
  forgetsPrepared,
  idleEvidence,
  isAnswer,
  isDemoted,
  isUndone,
  isWitnessForgotten,
  isWitnessRefused,
} from '../transaction/server-errors.ts'
import { SessionInquiry } from '../transaction/session-inquiry.ts'
import type { Transaction } from '../transaction/transaction.ts'
import { tellUnit, transactionAfter } from '../transaction/transaction-after.ts'
import {
  answerOfBroken,
  isUnheededRollback,
  mayOpen,
  onlyEnds,
} from '../transaction/transaction-end.ts'
import type { Listener } from './listener.ts'

let conversations = 0

const missed =
  'A listening session was without a connection for a while: notifications may have been missed, so read what they were about.'

/** What the answer of a set_config may take, in bytes, so that its value is seen. */
const rowOfSettings = 64 * 1024

const opensTransaction = new Set(['transaction', 'several'])

/**
 * The serial exchange of statements and answers with a server, over one connection at a time: one
 * piece of work is under way or none.
 */
export class Conversation implements LinkOwner, ExchangeOwner, Recoverable {
  readonly id: number = ++conversations
  readonly Exchange: ExchangeClass
  readonly link: Link
  transaction: Transaction | undefined
  /** Why a transaction that was lost was given up at a release: a COMMIT of it has to fail. */
  forsaken: Error | undefined
  /** Whether the session itself is asking what it holds. */
  asking = false
  readonly #shared: Shared
  readonly #listener: Listener
  #inquiry: SessionInquiry | undefined

  constructor(shared: Shared, config: string | ClientConfig | undefined, listener: Listener) {
    this.#shared = shared
    this.#listener = listener
    this.Exchange = shared.Exchange
    this.link = new Link(this.id, shared, config, this)
  }

  get settings(): Settings {
    return this.#shared.settings
  }

  /** Whether what is sent now is not sent again, whatever becomes of it. */
  get isFinal(): boolean {
    const { transaction, settings } = this
    if (transaction === undefined) return false
    return transaction.unreplayable !== undefined || settings.replay === 'off'
  }

  /** Begins a piece of work; nothing else may be under way. */
  begin(exchange: Exchange): void {
    this.link.halted = undefined
    const { transaction } = this
    const { connection } = this.link
    if (transaction?.broken !== undefined) this.#answerBroken(exchange, transaction)
    else if (this.forsaken !== undefined && this.isForsaken(exchange.statement)) {
      this.#answerBroken(exchange, { broken: this.forsaken })
    } else if (connection.usable) this.#send(exchange, connection, this)
    else void this.#rescue(exchange, connection)
  }

  /**
   * Whether a statement ends a transaction that was given up. Once another one may have been opened,
   * that is over.
   */
  isForsaken(statement: Statement): boolean {
    const ends = onlyEnds(statement)
    if (ends && !statement.rollsBack) return true
    if (ends || mayOpen(statement)) this.forsaken = undefined
    return false
  }

  adopt(connection: Connection): void {
    this.#listener.adopt(connection)
  }

  noticed(notice: ReportMessage, connection: Connection): void {
    this.#listener.noticed(notice, connection)
  }

  missedNotifications(): void {
    publish('reprise:advice', { session: this.id, advice: missed })
    this.#listener.missedNotifications()
  }

  /** Nobody waits any more for what is under way. */
  halt(reason: Halt): void {
    const { connection } = this.link
    if (!this.link.halt(reason) && connection.active !== undefined) connection.destroy()
  }

  settled(exchange: Exchange, connection: Connection): void {
    if (exchange.ending !== 'lost') this.#finish(exchange, connection)
    else if (isAnswer(exchange)) this.#finish(exchange, connection)
    else void this.#rescue(exchange, connection)
  }

  connectionEnded(connection: Connection): void {
    if (connection !== this.link.connection || !connection.endedUnasked) return
    this.#lose(connection)
  }

  lossOf(work: Exchange, connection: Connection): Loss {
    const evidence = work.evidence(connection)
    const loss = classify(work.submitted ? evidence : { ...evidence, error: connection.lastWords })
    this.tellLoss(loss, connection, !work.submitted)
    const { witness } = this.transaction ?? {}
    const wrote = typeof work.witness?.xid === 'string' || typeof witness?.xid === 'string'
    // Only a server that takes writes can be asked about a token.
    this.link.remember(loss, connection, wrote || work.token !== undefined)
    return loss
  }

  withdraw(): boolean {
    return this.#shared.budget.withdraw()
  }

  async rollBack(connection: Connection): Promise<void> {
    const deadline = this.link.waitAtMost(this.settings.deadline)
    if (connection.usable && connection.status !== 'I') {
      await inquiry(this.Exchange, connection, deadline.signal)('ROLLBACK').catch(() => undefined)
    }
    deadline.dispose()
    if (connection.status !== 'I') connection.destroy()
  }

  /** Each loss is told once, by whoever comes upon it first. */
  tellLoss(loss: Loss, connection: Connection, idle: boolean): void {
    if (connection.told) return
    connection.told = true
    const { condition, sqlstate, outcome, evidence } = loss
    const inTransaction = this.transaction !== undefined
    publish('reprise:loss', {
      session: this.id,
      condition,
      sqlstate,
      outcome,
      evidence,
      idle,
      inTransaction,
    })
  }

  /** The work that was under way has left: the next may begin. */
  next(): void {
    this.link.arrived()
    this.#listener.idle()
  }

  /** A statement has its answer: what it may have done out of sight is asked when the session is idle. */
  wonder(statement: Statement, text: string, failed: boolean): void {
    if (this.#inquiry === undefined) {
      if (statement.hides === 'nothing' && !this.link.state.unsure) return
      const { host, port, database } = this.link.connection.client
      const names = this.#shared.names(host, port, database)
      this.#inquiry = new SessionInquiry(this.link.state, this.#shared.histories, names)
    }
    this.#inquiry.note(statement, text, failed, this.link.connection)
  }

  /** The work that was under way is done: what it left in the session is asked, then the next begins. */
  rest(): void {
    const { connection } = this.link
    const inquiring = this.#inquiry
    const open = this.transaction !== undefined
    if (!open && !connection.usable) inquiring?.lost()
    if (open || inquiring?.isDue(connection) !== true) {
      this.next()
      return
    }
    const question = inquiring.question(this.Exchange)
    question.statement = analyze('SELECT 1')
    question.owner = {
      settled: () => {
        this.asking = false
        if (question.ending === 'lost' && !connection.asked) this.#lostIdle(question, connection)
        else if (question.ending !== 'lost') inquiring.answered(question, connection)
        this.next()
      },
    }
    this.asking = true
    question.run(connection)
  }

  /** A connection that was only being asked about itself was as good as idle. */
  #lostIdle(question: Exchange, connection: Connection): void {
    connection.lastWords ??= question.error
    this.#lose(connection)
  }

  #lose(connection: Connection): void {
    const loss = classify(idleEvidence(connection))
    this.link.remember(loss, connection, false)
    if (this.transaction === undefined) this.#inquiry?.lost()
    this.tellLoss(loss, connection, true)
    this.#shared.reaper.noticed(loss, connection)
    if (this.link.state.anchor !== undefined)
      this.#listener.anchorLost(anchorError(loss, connection))
    if (this.link.state.listening) this.#listener.fellSilent()
  }

  perform(work: Exchange, connection: Connection): Promise<void> {
    this.link.arrived()
    return new Promise((resolve) => this.#send(work, connection, { settled: () => resolve() }))
  }

  #send(exchange: Exchange, connection: Connection, owner: ExchangeOwner): void {
    const { transaction, settings } = this
    exchange.statement = judged(exchange.statement, connection)
    if (transaction?.keeper?.follow(exchange) === false) {
      exchange.refusal = unfollowable()
      exchange.ending = 'refused'
      process.nextTick(() => owner.settled(exchange, connection))
      return
    }
    planWitness(exchange, connection, transaction, settings)
    exchange.tapeLimit = Math.max(
      transaction?.room ??
        (opensTransaction.has(exchange.statement.kind) ? settings.maxTapeBytes : 0),
      showsSetting(exchange.statement) ? rowOfSettings : 0,
    )
    exchange.owner = owner
    exchange.run(connection)
  }

  async #rescue(exchange: Exchange, lost: Connection, known?: Loss): Promise<void> {
    const { work, failure } = await recover(this, exchange, lost, known)
    this.link.arrived()
    if (failure === undefined) this.#finish(work, this.link.connection)
    else this.#fail(work, failure)
  }

  /** The work has its own answer, or the answer that it must have had. */
  #finish(exchange: Exchange, connection: Connection): void {
    const undone = this.#undone(exchange, connection)
    if (undone !== undefined) {
      connection.destroy()
      const evidence = classify(exchange.evidence(connection))
      const loss: Loss = { ...evidence, ...undone, outcome: 'rolled-back', announced: true }
      void this.#rescue(exchange, connection, loss)
      return
    }
    const error = exchange.refusal ?? exchange.error
    if (exchange.ending === 'refused' && !exchange.submitted) {
      const { code } = (error ?? {}) as { code?: string }
      if (error !== undefined && code === '40001') this.#fail(exchange, error)
      else {
        this.#deliver(exchange, error)
        this.#listener.idle()
      }
      return
    }
    const failed = isUnheededRollback(exchange)
    const { witnessPrepared } = connection
    connection.witnessPrepared = witnessPrepared && !forgetsPrepared(exchange)
    const { version } = this.link.state
    this.transaction = transactionAfter(
      exchange,
      connection,
      this.transaction,
      this.link.state,
      this.settings,
    )
    this.wonder(exchange.statement, exchange.text ?? '', error !== undefined || failed)
    if (exchange.ending === 'lost' && connection.usable) this.#leave(connection, version)
    if (error === undefined) this.#shared.budget.deposit()
    if (error === undefined) tellUnit(exchange)
    if (typeof exchange.witness?.xid === 'string') this.link.wrote = true
    this.#deliver(exchange, error ?? (failed ? new RolledBackError() : undefined))
    if (this.transaction !== undefined || exchange.statement.state.length > 0) exchange.trim()
    this.rest()
  }

  /**
   * The work was done on a connection that is gone, and so is what it left in the session there. The
   * next statement finds that out: what can be made again is, and an anchor is told of.
   */
  #leave(connection: Connection, version: number): void {
    const { state } = this.link
    const unseen = this.#inquiry?.lost() === true
    if (unseen || state.version !== version || state.anchor !== undefined) connection.destroy()
  }

  /** Whether an error says more of the server than of the statement, which is then done elsewhere. */
  #undone(exchange: Exchange, connection: Connection): Partial<Loss> | undefined {
    if (isWitnessRefused(exchange)) {
      this.#shared.refuseWitness()
      return {}
    }
    if (isWitnessForgotten(exchange) && this.#shared.preparing) {
      this.#shared.preparing = false
      return {}
    }
    return isDemoted(exchange, connection, this.link.wrote)
      ? { condition: 'read_only_sql_transaction', sqlstate: '25006' }
      : undefined
  }

  /** The work is lost for good. */
  #fail(exchange: Exchange, failure: Error): void {
    const { transaction } = this
    const { connection, state } = this.link
    if (connection.usable && connection.status !== 'I') connection.destroy()
    state.loseAnchors()
    this.#inquiry?.clear()
    if (transaction !== undefined) {
      if (onlyEnds(exchange.statement)) this.transaction = undefined
      else {
        transaction.broken = failure
        transaction.stopTaping('not-replayable')
      }
    }
    if (exchange.unit !== undefined && !isUndone(failure)) exchange.unit.committed = true
    const behind = this.abandoned(exchange.statement)
    this.#deliver(exchange, failure)
    behind(failure)
    this.#listener.idle()
  }

  /**
   * Takes from the queue what was asked behind a statement that is lost and may have been about to open
   * a transaction: outside it, none of it may run.
   * @returns tells those who asked
   */
  abandoned(statement: Statement): (failure: Error) => void {
    const opens = this.transaction === undefined && mayOpen(statement)
    return opens ? this.#listener.abandoned() : () => undefined
  }

  /** A transaction that is lost answers as PostgreSQL's failed ones do, until it is ended. */
  #answerBroken(exchange: Exchange, { broken }: Pick<Transaction, 'broken'>): void {
    const { statement } = exchange
    if (onlyEnds(statement)) {
      this.transaction = undefined
      this.forsaken = undefined
    }
    const error = answerOfBroken(statement, broken)
    process.nextTick(() => {
      if (error === undefined) exchange.answer('ROLLBACK')
      this.#deliver(exchange, error)
      this.#listener.idle()
    })
  }

  #deliver(exchange: Exchange, error?: Error): void {
    this.#listener.answered()
    exchange.deliver(error)
  }
}

function showsSetting({ state }: Statement): boolean {
  return state.length > 0 && state.some(({ setting }) => setting !== undefined)
}

/** What the holder of a session hears that loses an anchor while nothing is under way. */
function anchorError(loss: Loss, { lastWords, lastNotice, socketError }: Connection): Error {
  const { condition } = loss
  const cause = lastWords ?? lastNotice ?? socketError ?? new Error('the connection was closed')
  return surfaced({ outcome: 'not-sent', condition, reason: 'anchored', attempts: 1, cause })
}
