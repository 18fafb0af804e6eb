import {
  clock,
  type Evidence,
  failsFast,
  type Statement,
  type TransactionStatus,
  type Unit,
  unitToTell,
} from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { typed } from '../connection/typed.ts'
import type { ReportMessage, Submittable } from '../connection/wire.ts'
import type { Within } from '../exchange/exchange.ts'
import { uploadOf } from '../exchange/upload.ts'
import { judged } from '../transaction/plan.ts'
import { mayBeKept } from '../transaction/transaction-after.ts'
import { CopyProgress } from './copy-progress.ts'
import { readerOf, reopen, settleWaiting, waitsForServer } from './cursor-reader.ts'
import type { TimeLimit } from './time-limit.ts'

/** Who hears that a submittable has left the wire. */
export interface SubmittableOwner {
  /** It saw its ReadyForQuery: it is done, even where the connection ended right behind it. */
  answered(run: SubmittableRun, connection: Connection): void
  /** Its connection ended. Calls `tell` once nothing of it goes on of which there is a doubt. */
  lost(run: SubmittableRun, connection: Connection, tell: () => void): void
  /** Gives the error that a submittable is to see instead of what pg says. */
  lossFor(run: SubmittableRun, connection: Connection, error: Error): Error
}

/**
 * A cursor, a query stream, a COPY stream or a pg.Query of the caller's own making: it drives the
 * wire itself, so it is passed through and never replayed. A loss ends it with an error.
 */
export class SubmittableRun {
  readonly submittable: Submittable
  readonly statement: Statement
  before: TransactionStatus = 'I'
  submitted = false
  /** Whether its caller does not wait for a server that is down. */
  readonly failFast: boolean = failsFast()
  /** Whether it was told of an error of the server's, or of a loss. */
  failed = false
  /** Whether another server may have committed it, where it came to nothing on this one. */
  elsewhere = true
  /** What it was told of a loss. */
  loss: Error | undefined
  /** The asynchronous context in which it was asked for, where somebody wants to know. */
  within: Within | undefined
  /** How long it may take until it has left. */
  limit: TimeLimit | undefined
  /** The re-runnable callback that it runs in. */
  readonly unit: Unit | undefined
  readonly #owner: SubmittableOwner
  /** Whether it is a query of the caller's own. */
  readonly #query: boolean
  #closed = false
  #tag: string | undefined
  #tags = 0
  /** Tells it of an error, once it is known whether the server has survived it. */
  #held: (() => void) | undefined
  /** The last ErrorResponse before this one was sent. */
  #errorBefore: ReportMessage | undefined
  /** How far it has come, where it is a COPY stream that is under way. */
  #copy: CopyProgress | undefined

  constructor(submittable: Submittable, statement: Statement, owner: SubmittableOwner) {
    this.#query = typeof submittable.requiresPreparation === 'function'
    this.submittable = submittable
    this.unit = mayBeKept(statement) ? unitToTell() : undefined
    this.statement = statement
    this.#owner = owner
    this.#noticeClosing()
  }

  /** Whether its holder has closed it while it waited: nobody reads what it would answer, nor ends it. */
  get closed(): boolean {
    return this.#closed || this.submittable.destroyed === true
  }

  /**
   * Whether it waits for the server: a query of the caller's own always does, a cursor while it reads, a
   * COPY stream when its caller has nothing to do. Else it may be the caller that takes its time.
   */
  get awaitsAnswer(): boolean {
    if (this.#copy !== undefined) return this.#copy.waitsForServer
    return this.#query || waitsForServer(readerOf(this.submittable))
  }

  get upload(): number {
    return uploadOf(this.submittable) + (this.#copy?.upload ?? 0)
  }

  start(connection: Connection): void {
    this.before = connection.status
    this.submitted = true
    this.#errorBefore = connection.errorFrame
    const { submittable } = this
    const { handleError, handleCommandComplete, submit } = submittable
    const { stream } = connection.client.connection
    const { kind } = judged(this.statement, connection)
    if (kind === 'copy') this.#copy = CopyProgress.of(submittable, stream)
    let refusal: unknown
    submittable.submit = (wire) => {
      submittable.submit = submit
      refusal = submit.call(submittable, wire)
      this.submitted = !refusal
      return refusal
    }
    if (handleCommandComplete !== undefined) {
      submittable.handleCommandComplete = (message, wire) => {
        this.#tag = this.#tag === undefined ? message.text : `${this.#tag};${message.text}`
        this.#tags += 1
        handleCommandComplete.call(submittable, message, wire)
      }
    }
    if (handleError !== undefined) {
      submittable.handleError = (error, wire) => {
        submittable.handleError = handleError
        // A parser of the application's that threw says nothing of the statement.
        this.failed ||= error === connection.errorFrame || !connection.usable
        const tell = (): void => {
          const told = this.#owner.lossFor(this, connection, error)
          if (told !== error) {
            this.loss = told
            reopen(submittable)
          }
          handleError.call(submittable, told, wire)
        }
        const isLast = error === connection.errorFrame ? this.mayHaveCommitted : !connection.usable
        if (isLast && connection.active === this) this.#held = tell
        else tell()
        // pg has written nothing, so nothing is going to be answered.
        if (error === refusal) this.ready(connection)
      }
    }
    typed(submittable, connection.client)
    try {
      connection.run(this, submittable)
    } catch (error) {
      // It may have written a part.
      connection.destroy()
      submittable.handleError = () => undefined
      handleError?.call(submittable, error as Error)
    }
  }

  /** A cursor that is closed before it was sent takes no notice of that, and would never end. */
  #noticeClosing(): void {
    const { cursor = this.submittable } = this.submittable as { cursor?: unknown }
    const closing = cursor as { close?: (callback?: unknown) => unknown }
    const { close } = closing
    if (typeof close !== 'function') return
    closing.close = (callback) => {
      this.#closed ||= !this.submitted
      return close.call(closing, callback)
    }
  }

  /** Makes up the answer to its statement. Only a query of the caller's own can be given one. */
  answer(tag: string, connection: Connection): boolean {
    const { submittable } = this
    if (!this.#query) return false
    this.limit?.clear()
    const wire = connection.client.connection
    submittable.handleCommandComplete?.({ text: tag }, wire)
    submittable.handleReadyForQuery?.(wire)
    return true
  }

  /** ReadyForQuery was seen. */
  ready(connection: Connection): void {
    this.#copy?.end()
    this.#tellHeld()
    // pg tells the submittable itself of this frame right after us: let it go first.
    clock.nextTick(() => {
      connection.idle()
      this.limit?.clear()
      this.#owner.answered(this, connection)
    })
  }

  /** The connection ended: nothing may wait for a frame that will not come. */
  lost(connection: Connection): void {
    const wire = connection.client.connection
    settleWaiting(wire)
    this.#owner.lost(this, connection, () => this.#tellHeld())
  }

  /**
   * Whether an error may have come while its commit was made durable, which only what follows tells. A
   * cursor must hear of it at once: it sends the Sync, and before that nothing of it is committed.
   */
  get mayHaveCommitted(): boolean {
    const { kind, commits, commitsInside } = this.statement
    const drives = !this.#query && kind !== 'copy' && kind !== 'several'
    return !drives && (this.before === 'I' || commits || commitsInside)
  }

  #tellHeld(): void {
    const held = this.#held
    this.#held = undefined
    held?.()
  }

  /** All that comes while it is on the wire is its own. */
  noticed(): boolean {
    return true
  }

  /** It never came to be sent. */
  fail(error: Error): void {
    this.limit?.clear()
    const { submittable } = this
    // Whoever destroyed a stream that he reads has nobody left to hear of an error of it.
    if (submittable.destroyed === true && submittable.handleCopyInResponse === undefined) return
    submittable.handleError?.(error)
  }

  evidence(connection: Connection): Evidence {
    const { errorFrame } = connection
    return {
      submitted: this.submitted,
      syncHeld: false,
      witnessPending: false,
      // It writes as it goes: whether what failed was the end that counts, only the rows of a COPY tell.
      unsent: this.#copy?.unfinished === true,
      simple: !this.submittable.requiresPreparation?.(),
      status: this.before,
      statement: this.statement,
      tag: this.#tag,
      tags: this.#tags,
      error: errorFrame === this.#errorBefore ? undefined : errorFrame,
      notice: connection.lastNotice,
      standby: connection.reported.standby,
      socket: connection.socketCode,
    }
  }
}
