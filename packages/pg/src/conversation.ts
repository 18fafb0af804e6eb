import {
  analyze,
  classify,
  Deadline,
  endsConnection,
  FailedTransactionError,
  type Loss,
  publish,
  RolledBackError,
  type Settings,
  surfaced,
} from '@reprise/core'
import type { ClientConfig } from 'pg'
import { Connection, type ConnectionOwner } from './connection.ts'
import { inquiry } from './ask.ts'
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
import type { Passenger, PassengerOwner } from './passenger.ts'
import { judged, planWitness } from './plan.ts'
import { isHalfOpen } from './probe.ts'
import { reconnect } from './reconnect.ts'
import { type Patient, recover } from './recovery.ts'
import { SessionState } from './state.ts'
import { Transaction } from './transaction.ts'
import { watch } from './watch.ts'
import type { Witness } from './witness.ts'

/** What a conversation tells the session it belongs to. */
export interface Listener {
  /** The work is delivered; the next may begin. */
  idle(): void
  /** A connection that the conversation is about to use: whatever it should hear is attached here. */
  adopt(connection: Connection): void
}

let conversations = 0

const opensTransaction = new Set(['transaction', 'several'])

/**
 * The serial exchange of statements and answers with a server, over one connection at a time: one
 * piece of work is under way or none.
 */
export class Conversation implements ConnectionOwner, ExchangeOwner, PassengerOwner, Patient {
  readonly id: number = ++conversations
  readonly Exchange: ExchangeClass
  readonly state: SessionState = new SessionState()
  readonly ghosts: Set<Witness> = new Set()
  transaction: Transaction | undefined
  halted: 'timeout' | 'closed' | 'aborted' | undefined
  /** The current connection; it may be unconnected, or lost. */
  connection: Connection
  readonly #kit: Kit
  readonly #config: string | ClientConfig | undefined
  readonly #listener: Listener
  readonly #tryFor: number
  #waiting: Deadline | undefined
  #fresh = true

  constructor(kit: Kit, config: string | ClientConfig | undefined, listener: Listener) {
    this.#kit = kit
    this.#config = config
    this.#listener = listener
    this.Exchange = kit.Exchange
    this.connection = new Connection(kit.Base, config, this)
    this.#tryFor =
      typeof config === 'object' && config !== null ? (config.connectionTimeoutMillis ?? 0) : 0
  }

  get settings(): Settings {
    return this.#kit.settings
  }

  get anchor(): string | undefined {
    return this.state.anchor
  }

  /** Opens the first connection. */
  async open(): Promise<void> {
    const limit = this.settings.deadline
    const deadline = this.waitAtMost(this.#tryFor > 0 ? Math.min(limit, this.#tryFor) : limit)
    try {
      await this.#reconnect(deadline)
    } finally {
      deadline.dispose()
    }
  }

  /** Begins a piece of work; nothing else may be under way. */
  begin(exchange: Exchange): void {
    this.halted = undefined
    const { connection, transaction } = this
    if (transaction?.broken !== undefined) this.#answerBroken(exchange, transaction)
    else if (connection.usable) this.#send(exchange, connection, this)
    else void this.#rescue(exchange, connection)
  }

  /** Lets a passenger on; nothing else may be under way. */
  board(passenger: Passenger): void {
    this.halted = undefined
    const { connection, transaction } = this
    if (transaction?.broken !== undefined) {
      const { broken } = transaction
      process.nextTick(() => this.#refuse(passenger, new FailedTransactionError(broken)))
    } else if (connection.usable) passenger.run(connection)
    else void this.#rescueFor(passenger, connection)
  }

  /** Rolls back what a former holder left open; nothing else may be under way. */
  reset(): void {
    this.halted = undefined
    const { transaction, connection } = this
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

  /** Nobody waits any more for what is under way. */
  halt(reason: 'timeout' | 'closed'): void {
    this.halted ??= reason
    if (this.#waiting !== undefined) this.#waiting.end(reason)
    else if (this.connection.active !== undefined) this.connection.destroy()
  }

  /** As {@link halt}, but the connection is left alone: whoever calls this is about to end it. */
  abandon(): void {
    this.halted ??= 'aborted'
    this.#waiting?.end('aborted')
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
    const reason = this.halted ?? (sure === 'in-doubt' ? 'in-doubt' : 'streamed')
    return surfaced({ outcome: sure, condition, reason, attempts: 1, cause: error })
  }

  connectionEnded(connection: Connection): void {
    if (connection !== this.connection || !connection.endedUnasked) return
    this.#tellLoss(classify(idleEvidence(connection)), true)
  }

  lossOf(work: Exchange, connection: Connection): Loss {
    const evidence = work.evidence(connection)
    const loss = classify(
      work.submitted ? evidence : { ...evidence, error: connection.lastWords },
    )
    if (work.submitted) this.#tellLoss(loss, false)
    if (!loss.announced) {
      for (const witness of [work.witness, this.transaction?.witness]) {
        if (typeof witness?.xid === 'string') this.ghosts.add(witness)
      }
    }
    return loss
  }

  withdraw(): boolean {
    return this.#kit.budget.withdraw()
  }

  waitAtMost(milliseconds: number): Deadline {
    const deadline = new Deadline(milliseconds)
    this.#waiting = deadline
    if (this.halted !== undefined) deadline.end(this.halted)
    return deadline
  }

  async connected(deadline: Deadline): Promise<Connection> {
    if (!this.connection.usable) await this.#reconnect(deadline)
    return this.connection
  }

  perform(work: Exchange, connection: Connection): Promise<void> {
    this.#waiting = undefined
    return new Promise((resolve) => this.#send(work, connection, { settled: () => resolve() }))
  }

  async #reconnect(deadline: Deadline): Promise<void> {
    const { client } = this.connection
    const from = performance.now()
    const make = (): Connection => {
      if (!this.#fresh) this.connection = new Connection(this.#kit.Base, this.#config, this)
      this.#fresh = false
      this.#listener.adopt(this.connection)
      return this.connection
    }
    const gate = this.#kit.gate(client.host, client.port)
    const first = this.#fresh
    const { connection, attempts } = await reconnect(make, gate, deadline, this.#tryFor)
    watch(connection, this.settings.probeAfter, () => this.#probe(connection))
    await this.state.restore(inquiry(this.Exchange, connection, deadline.signal))
    if (first) return
    const duration = performance.now() - from
    publish('reprise:reconnect', { session: this.id, attempts, duration })
  }

  async #probe(connection: Connection): Promise<void> {
    const halfOpen = await isHalfOpen(connection, this.#kit, this.#config)
    if (halfOpen && connection.awaitsAnswer) {
      connection.destroy(Object.assign(new Error('the connection is half-open'), { code: 'ETIMEDOUT' }))
    }
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
    this.#waiting = undefined
    if (failure === undefined) this.#finish(work, this.connection)
    else this.#fail(work, failure)
  }

  /** A passenger cannot be sent again, but what comes before it can be put in place. */
  async #rescueFor(passenger: Passenger, lost: Connection): Promise<void> {
    const probe = new this.Exchange('SELECT 1')
    probe.statement = analyze('SELECT 1')
    const { failure } = await recover(this, probe, lost)
    this.#waiting = undefined
    if (failure === undefined && this.connection.usable) passenger.run(this.connection)
    else {
      const error = failure ?? new Error('the connection was lost again')
      if (this.transaction !== undefined) this.transaction.broken = error
      this.#refuse(passenger, error)
    }
  }

  #refuse(passenger: Passenger, error: Error): void {
    passenger.fail(error)
    this.#listener.idle()
  }

  /** The work has its own answer, or the answer that it must have had. */
  #finish(exchange: Exchange, connection: Connection): void {
    if (isWitnessRefused(exchange)) {
      this.#kit.refuseWitness()
      connection.destroy()
      const evidence = classify(exchange.evidence(connection))
      const loss: Loss = { ...evidence, outcome: 'rolled-back', announced: true }
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
    this.transaction = transactionAfter(exchange, connection, this.transaction, this.state, this.settings)
    if (error === undefined) this.#kit.budget.deposit()
    if (error === undefined) tellUnit(exchange)
    exchange.deliver(error ?? (failed ? new RolledBackError() : undefined))
    if (this.transaction !== undefined || exchange.statement.state.length > 0) exchange.trim()
    this.#listener.idle()
  }

  /** The work is lost for good. */
  #fail(exchange: Exchange, failure: Error): void {
    const { transaction, connection } = this
    if (connection.usable && connection.status !== 'I') connection.destroy()
    this.state.loseAnchors()
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
