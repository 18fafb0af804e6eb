import {
  clock,
  type Evidence,
  endsConnection,
  isGenuine,
  type Statement,
  type TransactionStatus,
  type Unit,
} from '@reprise/core'
import type { FieldDef } from 'pg'
import type { Connection } from '../connection/connection.ts'
import { typed } from '../connection/typed.ts'
import {
  configOf,
  type PgQueryClass,
  type Raw,
  type ReportMessage,
  type Wire,
} from '../connection/wire.ts'
import { escortedClassOf, isOpen } from './escorted-query.ts'
import type { Ending, Exchange, ExchangeClass, ExchangeOwner, Within } from './exchange.ts'
import { tapeEnd, tapeNotice, tapeRow } from './tape.ts'
import { uploadOf } from './upload.ts'

const nobody: ExchangeOwner = { settled: () => undefined }

/** Derives the exchange from the query class of the caller's own copy of pg. */
export function exchangeClassOf(Query: PgQueryClass): ExchangeClass {
  class RecordedQuery extends escortedClassOf(Query) implements Exchange {
    readonly awaitsAnswer = true
    owner: ExchangeOwner = nobody
    declare statement: Statement
    tapeLimit = 0
    taped: Raw[][] | undefined = undefined
    tapedBytes = 0
    shape: FieldDef[] | undefined = undefined
    ends: number[] | undefined = undefined
    notices: ReportMessage[] | undefined = undefined
    heard: readonly ReportMessage[] | undefined = undefined
    muted = false
    submitted = false
    failFast = false
    startedAt = 0
    before: TransactionStatus = 'I'
    tag: string | undefined = undefined
    tags = 0
    error: ReportMessage | undefined = undefined
    refusal: Error | undefined = undefined
    ending: Ending | undefined = undefined
    losses = 0
    lostInFlight = 0
    crashes = 0
    replayed = 0
    within: Within | undefined = undefined
    unit: Unit | undefined = undefined
    ownFailed = false
    /** Whether anything was written behind its end. */
    #wroteBehind = false

    get upload(): number {
      return uploadOf(this)
    }

    run(connection: Connection): void {
      this.join(connection)
      this.before = connection.status
      if (this.tapeLimit > 0) this.taped = []
      if (!this.muted) typed(this, connection.client)
      try {
        connection.run(this, this)
      } catch (error) {
        // pg could not serialize it, and may have written a part.
        this.refusal = error as Error
        connection.destroy()
        clock.nextTick(() => this.#settle('refused', connection))
      }
    }

    override submit(wire: Wire): Error | null {
      // pg writes nothing on a socket that takes nothing any more, and says nothing of that.
      this.submitted = isOpen(wire)
      this.startedAt = clock.now()
      const refusal = super.submit(wire)
      if (refusal !== null && refusal !== undefined) {
        this.submitted = false
        this.refusal = refusal
      }
      return refusal
    }

    override handleRowDescription(message: { fields: FieldDef[] }): void {
      this.shape = this.shape === undefined ? message.fields : this.shape.concat(message.fields)
      // The application's parsers are for its own results.
      if (!this.muted) super.handleRowDescription(message)
    }

    override handleDataRow(message: { readonly fields: Raw[] }): void {
      if (this.ahead || this.behind) {
        this.hear(message.fields)
        return
      }
      if (this.taped !== undefined) tapeRow(this, message.fields)
      if (!this.muted) super.handleDataRow(message)
    }

    override handleCommandComplete(message: { readonly text: string }, wire: Wire): void {
      if (this.passes(wire)) return
      this.tag = this.tag === undefined ? message.text : `${this.tag};${message.text}`
      this.tags += 1
      if (this.taped !== undefined && (this.tags > 1 || this.statement.count !== 1)) tapeEnd(this)
      this.follow()
      super.handleCommandComplete(message, wire)
    }

    override handleError(error: Error, wire: Wire): void {
      const connection = this.carrier as Connection
      if (error === this.refusal) {
        this.#settle('refused', connection)
      } else if (error === connection.errorFrame) {
        if (this.error === undefined) {
          this.error = error as ReportMessage
          this.ownFailed = this.ahead || (this.behind && !this.guarded)
        }
        const ends = endsConnection(this.error.code ?? '')
        if (ends) connection.expectEnd()
        // A page of rows, or a held write, has no Sync behind it yet. What the server itself refused
        // is undone, so Sync commits nothing; and an ERROR over a connection that lives on may carry
        // the code of an end.
        if (!ends || isGenuine(this.error)) {
          this.#wroteBehind = true
          if (this.rows) wire.sync()
          this.sync(wire)
        }
      } else if (connection.usable) {
        // pg could not write the statement and has sent Sync in its place.
        this.refusal = error
      }
    }

    override handleCopyInResponse(wire: Wire): void {
      this.#wroteBehind = true
      super.handleCopyInResponse(wire)
    }

    override handleReadyForQuery(_wire: Wire): void {
      this.#settle(this.refusal === undefined ? 'ready' : 'refused', this.carrier as Connection)
    }

    ready(connection: Connection): void {
      // After an ErrorResponse pg has forgotten the query, and will not tell it.
      if (this.error !== undefined) this.#settle('ready', connection)
    }

    lost(connection: Connection): void {
      this.#settle('lost', connection)
    }

    noticed(notice: ReportMessage): boolean {
      // Of what the session sent along, before the statement or behind it.
      if (this.ahead || this.behind) return false
      return tapeNotice(this, notice)
    }

    evidence(connection: Connection): Evidence {
      return {
        submitted: this.submitted,
        syncHeld: this.syncHeld,
        witnessPending: this.behind,
        unsent: connection.writeFailed && !this.#wroteBehind,
        simple: !this.requiresPreparation(),
        status: this.before,
        statement: this.statement,
        tag: this.tag,
        tags: this.tags,
        error: this.error,
        notice: connection.lastNotice,
        standby: connection.reported.standby,
        socket: connection.socketCode,
      }
    }

    deliver(error?: Error): void {
      // A type parser of the application's that threw: the statement itself went well.
      const failure = error ?? (this._canceledDueToError || undefined)
      if (failure !== undefined) {
        try {
          this.callback?.(failure)
        } catch (thrown) {
          // As pg does after a success: it is the application's, and none of our steps may be left out.
          clock.nextTick(() => {
            throw thrown
          })
        }
      } else super.handleReadyForQuery((this.carrier as Connection)?.client.connection)
    }

    answer(tag: string): void {
      this.tag = tag
      super.handleCommandComplete(
        { text: tag },
        (this.carrier as Connection | undefined)?.client.connection as Wire,
      )
    }

    again(): Exchange {
      const copy = new RecordedQuery(configOf(this))
      copy.callback = this.callback
      copy.statement = this.statement
      copy.losses = this.losses
      copy.lostInFlight = this.lostInFlight
      copy.crashes = this.crashes
      copy.replayed = this.replayed
      copy.within = this.within
      copy.unit = this.unit
      copy.guarded = this.guarded
      copy.muted = this.muted
      const { notices, heard } = this
      copy.heard = (notices?.length ?? 0) < (heard?.length ?? 0) ? heard : notices
      return copy
    }

    trim(): void {
      this.callback = undefined
      this.heard = undefined
      this.leave()
      this._result = undefined as never
      ;(this as unknown as { _results: unknown })._results = undefined
    }

    #settle(ending: Ending, connection: Connection): void {
      if (this.ending !== undefined) return
      this.ending = ending
      if (ending !== 'lost') connection.idle()
      this.owner.settled(this, connection)
    }
  }
  return RecordedQuery
}
