import { classify, clock, type Loss, publish, type Settings, type Statement } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { HostList } from '../connection/host-list.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import type { ReportMessage } from '../connection/wire.ts'
import { inquiry } from '../exchange/ask.ts'
import type { Exchange, ExchangeClass, ExchangeOwner } from '../exchange/exchange.ts'
import type { Shared } from '../exchange/shared.ts'
import { unfollowable } from '../keep/keep.ts'
import { type Halt, Link, type LinkOwner } from '../link/link.ts'
import { recoverAndTell } from '../recovery/account.ts'
import type { Recoverable } from '../recovery/preparation.ts'
import { judged, planWitness, tapeLimitOf } from '../transaction/plan.ts'
import { idleEvidence, isAnswer } from '../transaction/server-errors.ts'
import type { Transaction } from '../transaction/transaction.ts'
import { answerOfBroken, mayOpen, onlyEnds } from '../transaction/transaction-end.ts'
import { type Delivering, Delivery } from './delivery.ts'
import { IdleInquiry, type IdleInquiryOwner } from './idle-inquiry.ts'
import type { Listener } from './listener.ts'
import { tellLoss } from './loss-report.ts'
import { LostAnchors } from './lost-anchors.ts'
import { isStranger, meet } from './stranger.ts'

let conversations = 0

const missed =
  'A listening session was without a connection for a while: notifications may have been missed, so read what they were about.'

/**
 * The serial exchange of statements and answers with a server, over one connection at a time: one
 * piece of work is under way or none.
 */
export class Conversation
  implements LinkOwner, ExchangeOwner, Recoverable, Delivering, IdleInquiryOwner
{
  readonly id: number = ++conversations
  readonly Exchange: ExchangeClass
  readonly link: Link
  transaction: Transaction | undefined
  /** Why a transaction that was lost was given up at a release: a COMMIT of it has to fail. */
  forsaken: Error | undefined
  readonly inquiry: IdleInquiry
  readonly lostAnchors: LostAnchors
  readonly delivery: Delivery
  readonly #shared: Shared
  readonly #listener: Listener

  constructor(shared: Shared, hosts: HostList, listener: Listener) {
    this.#shared = shared
    this.#listener = listener
    this.Exchange = shared.Exchange
    this.link = new Link(this.id, shared, hosts, this)
    this.inquiry = new IdleInquiry(this.link, shared, this)
    this.lostAnchors = new LostAnchors(this, listener)
    this.delivery = new Delivery(this, shared, listener)
  }

  /** Whether a transaction is open. */
  get open(): boolean {
    return this.transaction !== undefined
  }

  get settings(): Settings {
    return this.link.server.witnessRefused ? this.#shared.unwitnessed : this.#shared.settings
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
    this.link.failFast = exchange.failFast
    const { transaction } = this
    const { connection } = this.link
    if (transaction?.broken !== undefined) this.#answerBroken(exchange, transaction)
    else if (this.forsaken !== undefined && this.isForsaken(exchange.statement)) {
      this.#answerBroken(exchange, { broken: this.forsaken })
    } else if (this.lostAnchors.bar(exchange.statement)) {
      clock.nextTick(() => this.delivery.fail(exchange, this.lostAnchors.told()))
    } else if (!connection.usable) this.rescue(exchange, connection)
    else if (isStranger(connection, exchange.statement, exchange.text, false)) {
      this.#meet(exchange, connection)
    } else this.#send(exchange, connection, this)
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
    const { poolName, log } = this.settings
    publish('reprise:advice', { session: this.id, poolName, advice: missed }, log)
    this.#listener.missedNotifications()
  }

  /** Nobody waits any more for what is under way. */
  halt(reason: Halt): void {
    const { connection } = this.link
    if (!this.link.halt(reason) && connection.active !== undefined) connection.destroy()
  }

  settled(exchange: Exchange, connection: Connection): void {
    if (exchange.ending !== 'lost' || isAnswer(exchange, connection))
      this.delivery.finish(exchange, connection)
    else this.rescue(exchange, connection)
  }

  connectionEnded(connection: Connection): void {
    if (connection !== this.link.connection || !connection.endedUnasked) return
    this.lostIdle(connection)
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

  judgeLost(ask: Inquiry, connection: Connection): Promise<void> {
    return this.inquiry.judgeLost(ask, connection)
  }

  withdraw(): boolean {
    return this.link.hosts.budget.withdraw()
  }

  async rollBack(connection: Connection): Promise<void> {
    const deadline = this.link.waitAtMost(this.settings.deadline)
    if (connection.usable && connection.status !== 'I') {
      await inquiry(this.Exchange, connection, deadline.signal)('ROLLBACK').catch(() => undefined)
    }
    deadline.dispose()
    if (connection.status !== 'I') connection.destroy()
  }

  /** Publishes a loss that is about what was in flight, or that nothing was (`idle`). */
  tellLoss(loss: Loss, connection: Connection, idle: boolean): void {
    tellLoss(loss, connection, { from: this.link.from, idle, inTransaction: this.open })
  }

  /** The work that was under way has left: the next may begin. */
  next(told = false): void {
    this.link.arrived()
    this.#listener.idle(told)
  }

  drained(): boolean {
    return this.#listener.drained()
  }

  /** The work that was under way has its answer. */
  answered(): void {
    this.#listener.answered()
  }

  /** A connection ended while nothing of the application's was in flight. */
  lostIdle(connection: Connection): void {
    const loss = classify(idleEvidence(connection))
    this.link.remember(loss, connection, false)
    if (this.transaction === undefined) this.inquiry.lost()
    this.tellLoss(loss, connection, true)
    this.#shared.reaper.noticed(loss, connection)
    // Nobody's: it is replaced in silence.
    if (this.#listener.resting()) this.lostAnchors.forgive()
    else this.lostAnchors.lostIdle(connection)
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
      clock.nextTick(() => owner.settled(exchange, connection))
      return
    }
    planWitness(exchange, connection, transaction, settings)
    exchange.tapeLimit = tapeLimitOf(exchange.statement, transaction, settings)
    exchange.owner = owner
    exchange.run(connection)
  }

  #meet(exchange: Exchange, connection: Connection): void {
    void meet(this, connection, exchange.statement).then((cancelled) => {
      if (cancelled !== undefined) this.delivery.refuse(exchange, cancelled)
      else if (connection.usable) this.#send(exchange, connection, this)
      else this.rescue(exchange, connection)
    })
  }

  rescue(exchange: Exchange, lost: Connection, known?: Loss): void {
    void recoverAndTell(this, exchange, lost, known).then(({ work, failure }) => {
      this.link.arrived()
      if (failure === undefined) this.delivery.finish(work, this.link.connection)
      else this.delivery.fail(work, failure)
    })
  }

  /** A transaction that is lost answers as PostgreSQL's failed ones do, until it is ended. */
  #answerBroken(exchange: Exchange, { broken }: Pick<Transaction, 'broken'>): void {
    const { statement } = exchange
    if (onlyEnds(statement)) {
      this.transaction = undefined
      this.forsaken = undefined
    }
    const error = answerOfBroken(statement, broken)
    clock.nextTick(() => {
      if (error === undefined) exchange.answer('ROLLBACK')
      this.delivery.deliver(exchange, error)
      this.#listener.idle()
    })
  }
}
