import {
  classify,
  endsConnection,
  type Outcome,
  publish,
  type Reason,
  RolledBackError,
  surfaced,
} from '@reprise/core'
import { answerOfBroken, onlyEnds, opaque } from './bookkeeping.ts'
import type { Connection } from './connection.ts'
import type { Conversation } from './conversation.ts'
import { mend } from './errands.ts'
import { unfollowable } from './keep.ts'
import type { Passenger, PassengerOwner } from './passenger.ts'
import { endsTransaction, Pending, tagsOf } from './pending.ts'
import { textOf, valuesOf } from './work.ts'

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
    const conversation = this.#conversation
    const { transaction, line, forsaken } = conversation
    line.halted = undefined
    if (transaction?.broken !== undefined) this.#answerBroken(passenger, transaction.broken)
    else if (forsaken !== undefined && conversation.isForsaken(passenger.statement)) {
      this.#answerBroken(passenger, forsaken)
    } else if (line.connection.usable) this.#send(passenger)
    else void this.#boardLater(passenger)
  }

  left(passenger: Passenger, connection: Connection, answered: boolean): void {
    const conversation = this.#conversation
    if (answered) {
      if (passenger.submitted) {
        this.#keepBooks(passenger, connection)
        conversation.wonder(passenger.statement, textOf(passenger.load), passenger.failed)
      }
    } else {
      const loss = classify(passenger.evidence(connection))
      // Whether it did end there is for the passenger's own error to say.
      if (onlyEnds(passenger.statement)) conversation.transaction = undefined
      conversation.transaction?.stopTaping('streamed')
      conversation.tellLoss(loss, connection, false)
      conversation.abandoned(passenger.statement)(passenger.loss ?? new Error('it was lost'))
    }
    conversation.rest()
  }

  lossFor(passenger: Passenger, connection: Connection, error: Error): Error {
    const frame = connection.errorFrame
    // What is no frame, on a connection that lives, is what pg or the passenger itself has to say.
    if (error === frame ? !endsConnection(frame.code ?? '') : connection.usable) return error
    const { outcome, condition } = classify(passenger.evidence(connection))
    const reason = this.#conversation.line.halted ?? reasons[outcome] ?? 'streamed'
    const failure = surfaced({ outcome, condition, reason, attempts: 1, cause: error })
    publish('reprise:surface', {
      session: this.#conversation.id,
      condition,
      outcome,
      code: failure.code,
      attempts: failure.attempts,
      advice: failure.advice,
    })
    return failure
  }

  /** What it did to the transaction, to the session and to the unit that it ran in. */
  #keepBooks(passenger: Passenger, connection: Connection): void {
    const conversation = this.#conversation
    const { statement, before, unit, failed } = passenger
    const { transaction, line, settings } = conversation
    const { tag } = passenger.evidence(connection)
    const tags = tagsOf(tag)
    const after = connection.status
    const values = valuesOf(passenger.load)
    const answered = { statement, tags, before, after, failed, values, row: undefined }
    const pending = transaction?.pending ?? new Pending()
    pending.follow(answered, line.state)
    if (unit !== undefined && !failed && (tags.includes('COMMIT') || before === 'I')) {
      unit.committed = true
    }
    if (after === 'I') conversation.transaction = undefined
    else if (transaction === undefined || endsTransaction(answered)) {
      conversation.transaction = opaque(settings, pending)
    } else {
      transaction.unwitnessed = true
      transaction.stopTaping('streamed')
    }
  }

  /** It cannot be sent again, but what comes before it can be put in place. */
  async #boardLater(passenger: Passenger): Promise<void> {
    const failure = await mend(this.#conversation)
    const conversation = this.#conversation
    const { transaction, line } = conversation
    if (failure === undefined && line.connection.usable) {
      this.#send(passenger)
      return
    }
    const error = failure ?? new Error('the connection was lost again')
    if (onlyEnds(passenger.statement)) conversation.transaction = undefined
    else if (transaction !== undefined) transaction.broken = error
    // Its caller is told, once.
    line.state.loseAnchors()
    const behind = conversation.abandoned(passenger.statement)
    this.#refuse(passenger, error)
    behind(error)
  }

  /** As to an exchange: ROLLBACK succeeds, everything else is refused. */
  #answerBroken(passenger: Passenger, broken: Error): void {
    const conversation = this.#conversation
    if (onlyEnds(passenger.statement)) {
      conversation.transaction = undefined
      conversation.forsaken = undefined
    }
    const error = answerOfBroken(passenger.statement, broken)
    process.nextTick(() => {
      if (error === undefined && passenger.answer('ROLLBACK', conversation.line.connection)) {
        conversation.next()
      } else this.#refuse(passenger, error ?? new RolledBackError(broken))
    })
  }

  /** What it says is not rewritten, so it may not see what the replay of its transaction kept. */
  #send(passenger: Passenger): void {
    const { transaction, line } = this.#conversation
    const { load, statement } = passenger
    if (transaction?.keeper?.admits(statement, textOf(load), valuesOf(load)) !== false) {
      passenger.run(line.connection)
      return
    }
    const error = unfollowable()
    line.connection.destroy()
    transaction.broken = error
    transaction.stopTaping('not-replayable')
    process.nextTick(() => this.#refuse(passenger, error))
  }

  #refuse(passenger: Passenger, error: Error): void {
    passenger.fail(error)
    this.#conversation.next()
  }
}
