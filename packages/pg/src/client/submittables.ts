import {
  classify,
  clock,
  endsConnection,
  keptIn,
  type Loss,
  type Outcome,
  type Reason,
  RolledBackError,
  surfaced,
} from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { inquiry } from '../exchange/ask.ts'
import { unfollowable } from '../keep/keep.ts'
import { mayBeCommittedElsewhere, mayKnowOthers } from '../recovery/outside.ts'
import { outsideOf } from '../recovery/preparation.ts'
import { fenced } from '../recovery/recovery.ts'
import { tellSurfaced } from '../recovery/surface.ts'
import { endsTransaction, Pending, tagsOf } from '../transaction/pending.ts'
import { opaque } from '../transaction/transaction-after.ts'
import { answerOfBroken, onlyEnds } from '../transaction/transaction-end.ts'
import type { Conversation } from './conversation.ts'
import { closed } from './failures.ts'
import { mend } from './housekeeping.ts'
import { isStranger, meet } from './stranger.ts'
import type { SubmittableOwner, SubmittableRun } from './submittable-run.ts'
import { textOf, unreadable, valuesOf } from './work.ts'

const reasons: { readonly [O in Outcome]?: Reason } = {
  'in-doubt': 'in-doubt',
  committed: 'result-unknown',
}

/** Takes submittables along in a conversation: they come and go, and none is ever sent twice. */
export class Submittables implements SubmittableOwner {
  readonly #conversation: Conversation

  constructor(conversation: Conversation) {
    this.#conversation = conversation
  }

  /** Begins one; nothing else may be under way. */
  begin(run: SubmittableRun): void {
    const conversation = this.#conversation
    const { transaction, link, forsaken } = conversation
    link.halted = undefined
    link.failFast = run.failFast
    if (transaction?.broken !== undefined) this.#answerBroken(run, transaction.broken)
    else if (forsaken !== undefined && conversation.isForsaken(run.statement)) {
      this.#answerBroken(run, forsaken)
    } else if (conversation.lostAnchors.bar(run.statement)) {
      clock.nextTick(() => this.#refuse(run, conversation.lostAnchors.told()))
    } else if (!link.connection.usable) {
      // As the policy has it: there is nothing left to roll back.
      if (onlyEnds(run.statement) && run.statement.rollsBack) this.#answerBroken(run, undefined)
      else void this.#beginLater(run)
    } else if (isStranger(link.connection, run.statement, textOf(run.submittable), true))
      void this.#meet(run)
    else this.#send(run)
  }

  answered(run: SubmittableRun, connection: Connection): void {
    const conversation = this.#conversation
    conversation.answered()
    if (run.submitted) {
      this.#keepBooks(run, connection)
      const { statement, submittable } = run
      const text = textOf(submittable)
      conversation.inquiry.note({
        statement,
        text: text === unreadable ? undefined : text,
        values: valuesOf(submittable),
      })
    }
    conversation.inquiry.rest()
  }

  lost(run: SubmittableRun, connection: Connection, tell: () => void): void {
    const conversation = this.#conversation
    const { statement } = run
    const loss = classify(run.evidence(connection))
    conversation.tellLoss(loss, connection, false)
    const leave = (): void => {
      run.limit?.clear()
      tell()
      conversation.answered()
      const { transaction } = conversation
      const failure = run.loss ?? new Error('it was lost')
      // Whether it did end there is for its own error to say.
      if (onlyEnds(statement)) conversation.transaction = undefined
      // The connection there is now knows nothing of it.
      else if (conversation.link.connection !== connection && transaction !== undefined) {
        transaction.broken ??= failure
      }
      transaction?.stopTaping('streamed')
      conversation.delivery.abandoned(statement)(failure)
      conversation.inquiry.rest()
    }
    if (run.mayHaveCommitted && loss.hereOnly && loss.outcome === 'rolled-back') {
      void this.#look(run, loss, connection).then(leave)
    } else if (loss.outcome !== 'in-doubt' || loss.announced) leave()
    else void this.#fence(loss, connection).then(leave)
  }

  /** Looks whether it may be committed on another server, although it was rolled back on this one. */
  async #look(run: SubmittableRun, loss: Loss, lost: Connection): Promise<void> {
    const conversation = this.#conversation
    const { link, settings, inquiry: idle, lostAnchors, transaction, Exchange } = conversation
    link.remember(loss, lost, false)
    idle.lost()
    lostAnchors.keep()
    const deadline = link.waitAtMost(settings.deadline)
    try {
      const connection = await link.connected(deadline)
      const ask = inquiry(Exchange, connection, deadline.signal)
      const outside = await outsideOf(conversation, connection, ask)
      const { statement, submittable } = run
      const text = textOf(submittable)
      const work = { statement, text: text === unreadable ? undefined : text }
      run.elsewhere = mayBeCommittedElsewhere(work, transaction, outside, connection.identifying)
    } catch {
      run.elsewhere = mayKnowOthers(link)
    }
    deadline.dispose()
    link.arrived()
  }

  /** Before a doubt is told, nothing of it may go on: as with a statement, there is a new connection then. */
  async #fence(loss: Loss, connection: Connection): Promise<void> {
    const { link, settings, inquiry, lostAnchors } = this.#conversation
    link.remember(loss, connection, false)
    inquiry.lost()
    lostAnchors.keep()
    await fenced(link, settings.deadline)
    link.arrived()
  }

  lossFor(run: SubmittableRun, connection: Connection, error: Error): Error {
    const frame = connection.errorFrame
    // What is no frame, on a connection that lives, is what pg or the submittable itself has to say.
    const ends = error === frame && endsConnection(frame.code ?? '')
    if (connection.usable && !ends) return error
    const { outcome: here, condition, hereOnly } = classify(run.evidence(connection))
    const begun = run.mayHaveCommitted && hereOnly
    const elsewhere = here === 'rolled-back' && begun && run.elsewhere
    const outcome = elsewhere ? 'in-doubt' : here
    if (error === frame && !ends && outcome === 'rolled-back') return error
    const reason =
      this.#conversation.link.halted ?? (elsewhere ? 'elsewhere' : reasons[outcome]) ?? 'streamed'
    const failure = surfaced({ outcome, condition, reason, attempts: 1, cause: error })
    tellSurfaced(this.#conversation, failure)
    return failure
  }

  /** What it did to the transaction, to the session and to the unit that it ran in. */
  #keepBooks(run: SubmittableRun, connection: Connection): void {
    const conversation = this.#conversation
    const { statement, before, unit, failed } = run
    const { transaction, link, settings } = conversation
    const { tag } = run.evidence(connection)
    const tags = tagsOf(tag)
    const after = connection.status
    const values = valuesOf(run.submittable)
    const answered = { statement, tags, before, after, failed, values, row: undefined }
    const pending = transaction?.pending ?? new Pending()
    pending.follow(answered, link.state)
    if (!failed && (tags.includes('COMMIT') || before === 'I')) keptIn(unit)
    if (after === 'I') conversation.transaction = undefined
    else if (transaction === undefined || endsTransaction(answered)) {
      conversation.transaction = opaque(settings, pending)
    } else {
      transaction.unwitnessed = true
      transaction.stopTaping('streamed')
    }
  }

  async #meet(run: SubmittableRun): Promise<void> {
    const { link, delivery } = this.#conversation
    const { connection } = link
    const cancelled = await meet(this.#conversation, connection, run.statement)
    if (cancelled !== undefined) {
      const behind = delivery.abandoned(run.statement)
      this.#refuse(run, cancelled)
      behind(cancelled)
    } else if (connection.usable) this.#send(run)
    else void this.#beginLater(run)
  }

  /** It cannot be sent again, but what comes before it can be put in place. */
  async #beginLater(run: SubmittableRun): Promise<void> {
    const failure = await mend(this.#conversation, run.within)
    const conversation = this.#conversation
    const { transaction, link } = conversation
    if (failure === undefined && link.connection.usable) {
      this.#send(run)
      return
    }
    const error = failure ?? new Error('the connection was lost again')
    if (onlyEnds(run.statement)) conversation.transaction = undefined
    else if (transaction !== undefined) transaction.broken = error
    conversation.lostAnchors.keep(error)
    const behind = conversation.delivery.abandoned(run.statement)
    this.#refuse(run, error)
    behind(error)
  }

  /** As to an exchange: ROLLBACK succeeds, everything else is refused. */
  #answerBroken(run: SubmittableRun, broken: Error | undefined): void {
    const conversation = this.#conversation
    if (onlyEnds(run.statement)) {
      conversation.transaction = undefined
      conversation.forsaken = undefined
    }
    const error = answerOfBroken(run.statement, broken)
    clock.nextTick(() => {
      if (error === undefined && run.answer('ROLLBACK', conversation.link.connection)) {
        conversation.next()
      } else this.#refuse(run, error ?? new RolledBackError(broken))
    })
  }

  /** What it says is not rewritten, so it may not see what the replay of its transaction kept. */
  #send(run: SubmittableRun): void {
    const { transaction, link } = this.#conversation
    const { submittable, statement } = run
    if (run.closed) {
      clock.nextTick(() => this.#refuse(run, closed()))
      return
    }
    if (
      transaction?.keeper?.admits(statement, textOf(submittable), valuesOf(submittable)) !== false
    ) {
      run.start(link.connection)
      return
    }
    const error = unfollowable()
    link.connection.destroy()
    transaction.broken = error
    transaction.stopTaping('not-replayable')
    clock.nextTick(() => this.#refuse(run, error))
  }

  #refuse(run: SubmittableRun, error: Error): void {
    run.fail(error)
    this.#conversation.next()
  }
}
