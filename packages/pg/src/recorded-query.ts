import {
  type Evidence,
  endsConnection,
  isGenuine,
  type Statement,
  type TransactionStatus,
  type Unit,
} from '@reprise/core'
import type { FieldDef } from 'pg'
import { isChatter, sameReport, sizeOf } from './answer.ts'
import { readIdentity } from './backend.ts'
import type { Connection } from './connection.ts'
import type { Ending, Exchange, ExchangeClass, ExchangeOwner } from './exchange.ts'
import type { Backend } from './incarnation.ts'
import type { Token } from './token.ts'
import { configOf, type PgQueryClass, type Raw, type ReportMessage, type Wire } from './wire.ts'
import { type Ride, readWitness, type Witness, writeIdentity, writeWitness } from './witness.ts'

/** How many notices are remembered of a statement that is not taped, lest they be told twice. */
const mostHeard = 100

const nobody: ExchangeOwner = { settled: () => undefined }

/** Derives the exchange from the query class of the caller's own copy of pg. */
export function exchangeClassOf(Query: PgQueryClass): ExchangeClass {
  class RecordedQuery extends Query implements Exchange {
    readonly awaitsAnswer = true
    owner: ExchangeOwner = nobody
    declare statement: Statement
    ride: Ride = 'none'
    identify = false
    guarded = false
    draw = false
    token: Token | undefined = undefined
    tapeLimit = 0
    taped: Raw[][] | undefined = undefined
    tapedBytes = 0
    shape: FieldDef[] | undefined = undefined
    ends: number[] | undefined = undefined
    notices: ReportMessage[] | undefined = undefined
    heard: readonly ReportMessage[] | undefined = undefined
    muted = false
    submitted = false
    startedAt = 0
    syncHeld = false
    before: TransactionStatus = 'I'
    tag: string | undefined = undefined
    tags = 0
    error: ReportMessage | undefined = undefined
    witness: Witness | undefined = undefined
    backend: Backend | undefined = undefined
    refusal: Error | undefined = undefined
    ending: Ending | undefined = undefined
    losses = 0
    lostInFlight = 0
    crashes = 0
    unit: Unit | undefined = undefined
    ownFailed = false
    #connection: Connection | undefined = undefined
    /** Whether anything was written behind its end. */
    #wroteBehind = false
    /** Answers to come that belong to what the session sends along, before and behind the statement's. */
    #ahead = 0
    #behind = 0

    run(connection: Connection): void {
      this.#connection = connection
      this.before = connection.status
      const { ride, token } = this
      const asks = ride === 'ahead' || ride === 'awaited'
      this.#ahead =
        Number(this.identify) + Number(this.guarded) + (asks ? 1 + Number(token !== undefined) : 0)
      if (this.tapeLimit > 0) this.taped = []
      try {
        connection.run(this, this)
      } catch (error) {
        // pg could not serialize it, and may have written a part.
        this.refusal = error as Error
        connection.destroy()
        process.nextTick(() => this.#settle('refused', connection))
      }
    }

    override submit(wire: Wire): Error | null {
      // pg writes nothing on a socket that takes nothing any more, and says nothing of that.
      this.submitted = isOpen(wire)
      this.startedAt = performance.now()
      const refusal = super.submit(wire)
      if (refusal !== null && refusal !== undefined) {
        this.submitted = false
        this.refusal = refusal
      }
      return refusal
    }

    override requiresPreparation(): boolean {
      return this.ride !== 'none' || this.identify || this.guarded || super.requiresPreparation()
    }

    override prepare(wire: Wire): void {
      if (this.identify) writeIdentity(wire)
      if (this.guarded) execute(wire, 'BEGIN READ ONLY')
      if (this.ride === 'ahead' || this.ride === 'awaited') {
        writeWitness(wire, this.#connection as Connection, this)
        this.syncHeld = this.ride === 'awaited'
      }
      if (!this.syncHeld) super.prepare(wire)
    }

    override _getRows(wire: Wire, rows: number | undefined): void {
      if (this.guarded) {
        wire.execute({ portal: this.portal })
        execute(wire, 'COMMIT')
        wire.sync()
      } else if (this.#ridesBehind()) {
        wire.execute({ portal: this.portal })
        writeWitness(wire, this.#connection as Connection, this)
        this.syncHeld = this.ride === 'held'
      } else super._getRows(wire, rows)
    }

    override handleRowDescription(message: { fields: FieldDef[] }): void {
      this.shape = this.shape === undefined ? message.fields : this.shape.concat(message.fields)
      super.handleRowDescription(message)
    }

    override handleDataRow(message: { readonly fields: Raw[] }): void {
      if (this.#ahead > 0 || this.#behind > 0) {
        this.#hear(message.fields, this.#connection as Connection)
        return
      }
      if (this.taped !== undefined) this.#tape(message.fields)
      super.handleDataRow(message)
    }

    override handleCommandComplete(message: { readonly text: string }, wire: Wire): void {
      if (this.#ahead > 0) {
        this.#ahead -= 1
        if (this.#ahead > 0 || this.ride !== 'awaited' || !isOpen(wire)) return
        this.syncHeld = false
        super.prepare(wire)
        return
      }
      if (this.#behind > 0) {
        this.#behind -= 1
        if (this.#behind === 0) this.#sync(wire)
        return
      }
      this.tag = this.tag === undefined ? message.text : `${this.tag};${message.text}`
      this.tags += 1
      if (this.taped !== undefined && (this.tags > 1 || this.statement.count !== 1))
        this.#endResult()
      if (this.#ridesBehind()) this.#behind = this.token === undefined ? 1 : 2
      else if (this.guarded) this.#behind = 1
      super.handleCommandComplete(message, wire)
    }

    override handleError(error: Error, wire: Wire): void {
      const connection = this.#connection as Connection
      if (error === this.refusal) {
        this.#settle('refused', connection)
      } else if (error === connection.errorFrame) {
        if (this.error === undefined) {
          this.error = error as ReportMessage
          this.ownFailed = this.#ahead > 0 || (this.#behind > 0 && !this.guarded)
        }
        const ends = endsConnection(this.error.code ?? '')
        if (ends) connection.expectEnd()
        // A page of rows, or a held write, has no Sync behind it yet. What the server itself refused
        // is undone, so Sync commits nothing; and an ERROR over a connection that lives on may carry
        // the code of an end.
        if (!ends || isGenuine(this.error)) {
          this.#wroteBehind = true
          if (this.rows) wire.sync()
          this.#sync(wire)
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
      this.#settle(this.refusal === undefined ? 'ready' : 'refused', this.#connection as Connection)
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
      if (this.#ahead > 0 || this.#behind > 0) return false
      if (isChatter(notice)) return !this.muted
      this.notices ??= []
      const before = this.heard?.[this.notices.length]
      if (this.taped !== undefined) {
        this.tapedBytes += sizeOf(notice)
        if (this.tapedBytes > this.tapeLimit) this.taped = undefined
      }
      if (this.taped !== undefined || this.notices.length < mostHeard) this.notices.push(notice)
      return !this.muted && (before === undefined || !sameReport(before, notice))
    }

    evidence(connection: Connection): Evidence {
      return {
        submitted: this.submitted,
        syncHeld: this.syncHeld,
        witnessPending: this.#behind > 0,
        unsent: connection.writeFailed && !this.#wroteBehind,
        simple: !this.requiresPreparation(),
        status: this.before,
        statement: this.statement,
        tag: this.tag,
        tags: this.tags,
        error: this.error,
        notice: connection.lastNotice,
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
          process.nextTick(() => {
            throw thrown
          })
        }
      } else super.handleReadyForQuery((this.#connection as Connection)?.client.connection)
    }

    answer(tag: string): void {
      this.tag = tag
      super.handleCommandComplete(
        { text: tag },
        (this.#connection as Connection | undefined)?.client.connection as Wire,
      )
    }

    again(): Exchange {
      const copy = new RecordedQuery(configOf(this))
      copy.callback = this.callback
      copy.statement = this.statement
      copy.losses = this.losses
      copy.lostInFlight = this.lostInFlight
      copy.crashes = this.crashes
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
      this.#connection = undefined
      this._result = undefined as never
      ;(this as unknown as { _results: unknown })._results = undefined
    }

    #ridesBehind(): boolean {
      return this.ride === 'behind' || this.ride === 'flushed' || this.ride === 'held'
    }

    /** A row that answers what the session sent along: the identity comes first. */
    #hear(row: Raw[], connection: Connection): void {
      if (this.identify && this.backend === undefined) this.backend = readIdentity(row, connection)
      else {
        const backend = this.backend ?? connection.backend
        if (backend !== undefined) this.witness = readWitness(row, connection, backend, this)
      }
    }

    #sync(wire: Wire): void {
      if (!this.syncHeld || !isOpen(wire)) return
      this.syncHeld = false
      wire.sync()
    }

    #settle(ending: Ending, connection: Connection): void {
      if (this.ending !== undefined) return
      this.ending = ending
      if (ending !== 'lost') connection.idle()
      this.owner.settled(this, connection)
    }

    /** Where one result of a text with several statements ends. */
    #endResult(): void {
      if (this.statement.count === 1) this.taped = undefined
      else {
        this.ends ??= []
        this.ends.push(this.taped?.length ?? 0, this.shape?.length ?? 0)
      }
    }

    #tape(fields: Raw[]): void {
      for (const field of fields) this.tapedBytes += 8 + (field === null ? 0 : field.length)
      if (this.tapedBytes > this.tapeLimit) this.taped = undefined
      else this.taped?.push(fields)
    }
  }
  return RecordedQuery
}

function isOpen({ stream }: Wire): boolean {
  return stream.writable !== false
}

/** Sends a statement of the session's own in the midst of an exchange. */
function execute(wire: Wire, text: string): void {
  wire.parse({ text })
  wire.bind({})
  wire.execute({})
}
