import {
  classify,
  endsConnection,
  FailedTransactionError,
  type Outcome,
  type Reason,
  surfaced,
} from '@reprise/core'
import type { Connection } from './connection.ts'
import type { Conversation } from './conversation.ts'
import { mend } from './errands.ts'
import type { Passenger, PassengerOwner } from './passenger.ts'
import { Transaction } from './transaction.ts'

const reasons: { readonly [O in Outcome]?: Reason } = {
  'in-doubt': 'in-doubt',
  committed: 'result-unknown',
}

/** Takes passengers along in a conversation: they come and go, and none is ever sent twice. */
export class Carriage implements PassengerOwner {
  readonly #conversation: Conversation

  constructor(conversation: Conversation) {
    this.#conversation = conversation
  }

  /** Lets a passenger on; nothing else may be under way. */
  board(passenger: Passenger): void {
    const { transaction, line } = this.#conversation
    line.halted = undefined
    if (transaction?.broken !== undefined) {
      const { broken } = transaction
      process.nextTick(() => this.#refuse(passenger, new FailedTransactionError(broken)))
    } else if (line.connection.usable) passenger.run(line.connection)
    else void this.#boardLater(passenger)
  }

  left(passenger: Passenger, connection: Connection): void {
    const conversation = this.#conversation
    if (connection.usable) {
      if (!passenger.failed) this.#keepBooks(passenger, connection)
      if (connection.status === 'I') conversation.transaction = undefined
      else {
        conversation.transaction ??= new Transaction(conversation.settings.maxTapeBytes)
        conversation.transaction.unwitnessed = true
        conversation.transaction.stopTaping('streamed')
      }
    } else {
      // Whether it did end there is for the passenger's own error to say.
      if (passenger.statement.endsTransaction) conversation.transaction = undefined
      conversation.transaction?.stopTaping('streamed')
      conversation.tellLoss(classify(passenger.evidence(connection)), connection, false)
    }
    conversation.next()
  }

  lossFor(passenger: Passenger, connection: Connection, error: Error): Error {
    const frame = connection.errorFrame
    if (error === frame && !endsConnection(frame.code ?? '')) return error
    const { outcome, condition } = classify(passenger.evidence(connection))
    const reason = this.#conversation.line.halted ?? reasons[outcome] ?? 'streamed'
    return surfaced({ outcome, condition, reason, attempts: 1, cause: error })
  }

  /** What it did to the session and to the unit that it ran in. */
  #keepBooks(passenger: Passenger, connection: Connection): void {
    const { statement, before, unit } = passenger
    const { transaction, line } = this.#conversation
    // COMMIT may have been answered by ROLLBACK.
    const committed = statement.commits && passenger.evidence(connection).tag === 'COMMIT'
    const change = { changes: statement.state, values: undefined }
    if (transaction === undefined) line.state.apply(change)
    else if (committed) for (const pending of transaction.pending) line.state.apply(pending)
    else transaction.pending.push(change)
    if (unit !== undefined && (committed || before === 'I')) unit.committed = true
  }

  /** It cannot be sent again, but what comes before it can be put in place. */
  async #boardLater(passenger: Passenger): Promise<void> {
    const failure = await mend(this.#conversation)
    const { transaction, line } = this.#conversation
    if (failure === undefined && line.connection.usable) passenger.run(line.connection)
    else {
      const error = failure ?? new Error('the connection was lost again')
      if (transaction !== undefined) transaction.broken = error
      this.#refuse(passenger, error)
    }
  }

  #refuse(passenger: Passenger, error: Error): void {
    passenger.fail(error)
    this.#conversation.next()
  }
}
