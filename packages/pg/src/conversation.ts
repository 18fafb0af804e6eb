import {
  analyze,
  classify,
  endsConnection,
  FailedTransactionError,
  type Loss,
  publish,
  RolledBackError,
  type Settings,
  surfaced,
} from '@reprise/core'
import type { ClientConfig } from 'pg'
import type { Connection } from './connection.ts'
import {
  forgetsPrepared,
  idleEvidence,
  isAnswer,
  isUndone,
  isUnheededRollback,
  isWitnessRefused,
  tellUnit,
  transactionAfter,
} from './bookkeeping.ts'
import type { Exchange, ExchangeClass, ExchangeOwner } from './exchange.ts'
import type { Kit } from './kit.ts'
import { type Halt, Line, type LineOwner } from './line.ts'
import type { Passenger, PassengerOwner } from './passenger.ts'
import { judged, planWitness } from './plan.ts'
import { type Patient, recover } from './recovery.ts'
import { Transaction } from './transaction.ts'

/** What a conversation tells the session it belongs to. */
export interface Listener {
  /** The work is delivered; the next may begin. */
  idle(): void
  /** A connection that is about to be opened: whatever should hear of it is attached here. */
  adopt(connection: Connection): void
  /** A session that listens lost its connection while nothing was under way. */
  fellSilent(): void
  /** A session that listens was without a connection for a while. */
  missedNotifications(): void
}

let conversations = 0

const missed =
  'A listening session was without a connection for a while: notifications may have been missed, so read what they were about.'

const opensTransaction = new Set(['transaction', 'several'])

/**
 * The serial exchange of statements and answers with a server, over one connection at a time: one
 * piece of work is under way or none.
 */
export class Conversation implements LineOwner, ExchangeOwner, PassengerOwner, Patient {
  readonly id: number = ++conversations
  readonly Exchange: ExchangeClass
  readonly line: Line
  transaction: Transaction | undefined
  readonly #kit: Kit
  readonly #listener: Listener

  constructor(kit: Kit, config: string | ClientConfig | undefined, listener: Listener) {
    this.#kit = kit
    this.#listener = listener
    this.Exchange = kit.Exchange
    this.line = new Line(this.id, kit, config, this)
  }

  get settings(): Settings {
    return this.#kit.settings
  }

  /** Begins a piece of work; nothing else may be under way. */
  begin(exchange: Exchange): void {
    this.line.halted = undefined
    const { transaction } = this
    const { connection } = this.line
    if (transaction?.broken !== undefined) this.#answerBroken(exchange, transaction)
    else if (connection.usable) this.#send(exchange, connection, this)
    else void this.#rescue(exchange, connection)
  }

  /** Lets a passenger on; nothing else may be under way. */
  board(passenger: Passenger): void {
    this.line.halted = undefined
    const { transaction } = this
    const { connection } = this.line
    if (transaction?.broken !== undefined) {
      const { broken } = transaction
      process.nextTick(() => this.#refuse(passenger, new FailedTransactionError(broken)))
    } else if (connection.usable) passenger.run(connection)
    else void this.#rescueFor(passenger, connection)
  }

  /** Rolls back what a former holder left open; nothing else may be under way. */
  reset(): void {
    this.line.halted = undefined
    const { transaction } = this
    const { connection } = this.line
    this.transaction = undefined
    if (transaction === undefined || transaction.broken !== undefined || !connection.usable) {
      process.nextTick(() => this.#listener.idle())
      return
    }
    const exchange = new this.Exchange('ROLLBACK')
    exchange.statement = analyze('ROLLBACK')
    exchange.owner = {
      settled: () => {
        if (connection.status !== 'I') connection.destroy()
        this.#listener.idle()
      },
    }
    exchange.run(connection)
  }

  /** Reconnects a session that only listens. */
  listenAgain(): void {
    this.line.halted = undefined
    const probe = this.#probe()
    void recover(this, probe, this.line.connection).then(() => {
      this.line.arrived()
      this.#listener.idle()
      if (!this.line.connection.usable && this.line.halted === undefined) this.#listener.fellSilent()
    })
  }

  adopt(connection: Connection): void {
    this.#listener.adopt(connection)
  }

  missedNotifications(): void {
    publish('reprise:advice', { session: this.id, advice: missed })
    this.#listener.missedNotifications()
  }

  /** Nobody waits any more for what is under way. */
  halt(reason: Halt): void {
    const { connection } = this.line
    if (!this.line.halt(reason) && connection.active !== undefined) connection.destroy()
  }

  settled(exchange: Exchange, connection: Connection): void {
    if (exchange.ending !== 'lost') this.#finish(exchange, connection)
    else if (isAnswer(exchange)) this.#finish(exchange, connection)
    else void this.#rescue(exchange, connection)
  }

  left(passenger: Passenger, connection: Connection): void {
    if (connection.usable) {
      if (connection.status === 'I') this.transaction = undefined
      else {
        this.transaction ??= new Transaction(this.settings.maxTapeBytes)
        this.transaction.unwitnessed = true
        this.transaction.stopTaping('streamed')
      }
    } else {
      this.transaction?.stopTaping('streamed')
      this.#tellLoss(classify(passenger.evidence(connection)), false)
    }
    this.#listener.idle()
  }

  lossFor(passenger: Passenger, connection: Connection, error: Error): Error {
    const frame = connection.errorFrame
    if (error === frame && !endsConnection(frame.code ?? '')) return error
    const { outcome, condition } = classify(passenger.evidence(connection))
    const sure = passenger.statement.reads ? 'rolled-back' : outcome
    const reason = this.line.halted ?? (sure === 'in-doubt' ? 'in-doubt' : 'streamed')
    return surfaced({ outcome: sure, condition, reason, attempts: 1, cause: error })
  }

  connectionEnded(connection: Connection): void {
    if (connection !== this.line.connection || !connection.endedUnasked) return
    const loss = classify(idleEvidence(connection))
    this.#tellLoss(loss, true)
    this.#kit.reaper.noticed(loss, connection)
    if (this.line.state.listening) this.#listener.fellSilent()
  }

  lossOf(work: Exchange, connection: Connection): Loss {
    const evidence = work.evidence(connection)
    const loss = classify(
      work.submitted ? evidence : { ...evidence, error: connection.lastWords },
    )
    if (work.submitted) this.#tellLoss(loss, false)
    this.line.remember(loss, work.witness, this.transaction?.witness)
    return loss
  }

  withdraw(): boolean {
    return this.#kit.budget.withdraw()
  }

  perform(work: Exchange, connection: Connection): Promise<void> {
    this.line.arrived()
    return new Promise((resolve) => this.#send(work, connection, { settled: () => resolve() }))
  }

  #send(exchange: Exchange, connection: Connection, owner: ExchangeOwner): void {
    const { transaction, settings } = this
    exchange.statement = judged(exchange.statement, connection)
    planWitness(exchange, connection, transaction, settings)
    exchange.tapeLimit =
      transaction?.room ??
      (opensTransaction.has(exchange.statement.kind) ? settings.maxTapeBytes : 0)
    exchange.owner = owner
    exchange.run(connection)
  }

  async #rescue(exchange: Exchange, lost: Connection, known?: Loss): Promise<void> {
    const { work, failure } = await recover(this, exchange, lost, known)
    this.line.arrived()
    if (failure === undefined) this.#finish(work, this.line.connection)
    else this.#fail(work, failure)
  }

  /** A passenger cannot be sent again, but what comes before it can be put in place. */
  async #rescueFor(passenger: Passenger, lost: Connection): Promise<void> {
    const { failure } = await recover(this, this.#probe(), lost)
    this.line.arrived()
    const { connection } = this.line
    if (failure === undefined && connection.usable) passenger.run(connection)
    else {
      const error = failure ?? new Error('the connection was lost again')
      if (this.transaction !== undefined) this.transaction.broken = error
      this.#refuse(passenger, error)
    }
  }

  /** A statement that does nothing, in place of work that cannot be sent again. */
  #probe(): Exchange {
    const probe = new this.Exchange('SELECT 1')
    probe.statement = analyze('SELECT 1')
    return probe
  }

  #refuse(passenger: Passenger, error: Error): void {
    passenger.fail(error)
    this.#listener.idle()
  }

  /** The work has its own answer, or the answer that it must have had. */
  #finish(exchange: Exchange, connection: Connection): void {
    const undone = this.#undone(exchange)
    if (undone !== undefined) {
      connection.destroy()
      const evidence = classify(exchange.evidence(connection))
      const loss: Loss = { ...evidence, ...undone, outcome: 'rolled-back', announced: true }
      void this.#rescue(exchange, connection, loss)
      return
    }
    const error = exchange.refusal ?? exchange.error
    if (exchange.ending === 'refused' && !exchange.submitted) {
      exchange.deliver(error)
      this.#listener.idle()
      return
    }
    const failed = isUnheededRollback(exchange)
    const { witnessPrepared } = connection
    connection.witnessPrepared = witnessPrepared && !forgetsPrepared(exchange)
    this.transaction = transactionAfter(exchange, connection, this.transaction, this.line.state, this.settings)
    if (error === undefined) this.#kit.budget.deposit()
    if (error === undefined) tellUnit(exchange)
    if (typeof exchange.witness?.xid === 'string') this.line.wrote = true
    exchange.deliver(error ?? (failed ? new RolledBackError() : undefined))
    if (this.transaction !== undefined || exchange.statement.state.length > 0) exchange.trim()
    this.#listener.idle()
  }

  /** Whether an error says more of the server than of the statement, which is then done elsewhere. */
  #undone(exchange: Exchange): Partial<Loss> | undefined {
    if (isWitnessRefused(exchange)) {
      this.#kit.refuseWitness()
      return {}
    }
    // After a failover, an address may lead to a standby: a session that wrote keeps looking.
    const demoted = exchange.error?.code === '25006' && this.line.wrote && exchange.losses === 0
    return demoted ? { condition: 'read_only_sql_transaction', sqlstate: '25006' } : undefined
  }

  /** The work is lost for good. */
  #fail(exchange: Exchange, failure: Error): void {
    const { transaction } = this
    const { connection, state } = this.line
    if (connection.usable && connection.status !== 'I') connection.destroy()
    state.loseAnchors()
    if (transaction !== undefined) {
      const { commits, rollsBack } = exchange.statement
      if (commits || rollsBack) this.transaction = undefined
      else {
        transaction.broken = failure
        transaction.stopTaping('not-replayable')
      }
    }
    if (exchange.unit !== undefined && !isUndone(failure)) exchange.unit.committed = true
    exchange.deliver(failure)
    this.#listener.idle()
  }

  #tellLoss(loss: Loss, idle: boolean): void {
    publish('reprise:loss', {
      session: this.id,
      condition: loss.condition,
      sqlstate: loss.sqlstate,
      outcome: loss.outcome,
      evidence: loss.evidence,
      idle,
      inTransaction: this.transaction !== undefined,
    })
  }

  /** A transaction that is lost answers as PostgreSQL's failed ones do, until it is ended. */
  #answerBroken(exchange: Exchange, { broken }: Transaction): void {
    const { rollsBack, chains, commits, endsTransaction } = exchange.statement
    if (endsTransaction) this.transaction = undefined
    process.nextTick(() => {
      if (rollsBack && !chains) {
        exchange.answer('ROLLBACK')
        exchange.deliver()
      } else exchange.deliver(commits ? new RolledBackError(broken) : new FailedTransactionError(broken))
      this.#listener.idle()
    })
  }
}
