import {
  type Evidence,
  endsConnection,
  type Statement,
  type TransactionStatus,
  type Unit,
} from '@reprise/core'
import type { FieldDef } from 'pg'
import type { Connection, Traveller } from './connection.ts'
import type { Token } from './token.ts'
import { type Ride, readWitness, type Witness, writeWitness } from './witness.ts'
import type {
  PgQuery,
  PgQueryClass,
  QueryCallback,
  QueryConfig,
  Raw,
  ReportMessage,
  Wire,
} from './wire.ts'

/** Who hears how an exchange ended. Told exactly once per run. */
export interface ExchangeOwner {
  settled(exchange: Exchange, connection: Connection): void
}

/**
 * How an exchange ended: by ReadyForQuery, with its connection, or before it was sent because pg
 * refused it.
 */
export type Ending = 'ready' | 'lost' | 'refused'

/** One query's frames, both ways: the pg.Query that is sent is itself the evidence. */
export interface Exchange extends PgQuery, Traveller {
  owner: ExchangeOwner
  statement: Statement
  ride: Ride
  /** Whether the witness has to draw a transaction id. */
  draw: boolean
  /** What is left in the table of tokens, if one is used. */
  token: Token | undefined
  /** Bytes that its rows may take on the tape; 0 when it is not taped. */
  tapeLimit: number
  /** The raw rows, while taped; undefined when there were more than the tape can hold. */
  taped: Raw[][] | undefined
  tapedBytes: number
  /** The row descriptions seen, for the comparison with a replay. */
  shape: FieldDef[] | undefined
  submitted: boolean
  /** When it was submitted, on the monotonic clock. */
  startedAt: number
  syncHeld: boolean
  /** The transaction status it met. */
  before: TransactionStatus
  /** All CommandComplete tags, joined by semicolons. */
  tag: string | undefined
  tags: number
  /** The first ErrorResponse. */
  error: ReportMessage | undefined
  witness: Witness | undefined
  /** Why pg would not send it. */
  refusal: Error | undefined
  ending: Ending | undefined
  /** How often its work was lost so far. */
  losses: number
  /** For a COMMIT: the re-runnable callback that it ends. */
  unit: Unit | undefined
  /** Puts it in the hands of a connection. */
  run(connection: Connection): void
  evidence(connection: Connection): Evidence
  /** Hands the result, or an error, to the caller. */
  deliver(error?: Error): void
  /** Makes up the answer that the server gave but could not bring us, or would have given. */
  answer(tag: string): void
  /** The same work, ready to be sent once more. */
  again(): Exchange
  /** Drops what only the caller needs. */
  trim(): void
}

export type ExchangeClass = new (
  config: string | QueryConfig,
  values?: unknown[] | QueryCallback,
  callback?: QueryCallback,
) => Exchange

const nobody: ExchangeOwner = { settled: () => undefined }

/** Derives the exchange from the query class of the caller's own copy of pg. */
export function exchangeClassOf(Query: PgQueryClass): ExchangeClass {
  class RecordedQuery extends Query implements Exchange {
    readonly awaitsAnswer = true
    owner: ExchangeOwner = nobody
    declare statement: Statement
    ride: Ride = 'none'
    draw = false
    token: Token | undefined = undefined
    tapeLimit = 0
    taped: Raw[][] | undefined = undefined
    tapedBytes = 0
    shape: FieldDef[] | undefined = undefined
    submitted = false
    startedAt = 0
    syncHeld = false
    before: TransactionStatus = 'I'
    tag: string | undefined = undefined
    tags = 0
    error: ReportMessage | undefined = undefined
    witness: Witness | undefined = undefined
    refusal: Error | undefined = undefined
    ending: Ending | undefined = undefined
    losses = 0
    unit: Unit | undefined = undefined
    #connection: Connection | undefined = undefined
    #witnessing = false

    run(connection: Connection): void {
      this.#connection = connection
      this.before = connection.status
      this.#witnessing = this.ride === 'ahead' || this.ride === 'awaited'
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
      this.submitted = true
      this.startedAt = performance.now()
      const refusal = super.submit(wire)
      if (refusal !== null && refusal !== undefined) {
        this.submitted = false
        this.refusal = refusal
      }
      return refusal
    }

    override requiresPreparation(): boolean {
      return this.ride !== 'none' || super.requiresPreparation()
    }

    override prepare(wire: Wire): void {
      if (this.ride === 'ahead' || this.ride === 'awaited') {
        writeWitness(wire, this.#connection as Connection, this.draw, this.token)
        wire.flush()
        this.syncHeld = this.ride === 'awaited'
      }
      if (!this.syncHeld) super.prepare(wire)
    }

    override _getRows(wire: Wire, rows: number | undefined): void {
      if (this.ride === 'none' || this.ride === 'ahead' || this.ride === 'awaited') {
        super._getRows(wire, rows)
        return
      }
      wire.execute({ portal: this.portal })
      writeWitness(wire, this.#connection as Connection, this.draw, this.token)
      if (this.ride !== 'behind') wire.flush()
      this.syncHeld = this.ride === 'held'
      if (!this.syncHeld) wire.sync()
    }

    override handleRowDescription(message: { fields: FieldDef[] }): void {
      this.shape = this.shape === undefined ? message.fields : this.shape.concat(message.fields)
      super.handleRowDescription(message)
    }

    override handleDataRow(message: { readonly fields: Raw[] }): void {
      if (this.#witnessing) {
        this.witness = readWitness(message.fields, this.#connection as Connection, this.draw)
        return
      }
      if (this.taped !== undefined) this.#tape(message.fields)
      super.handleDataRow(message)
    }

    override handleCommandComplete(message: { readonly text: string }, wire: Wire): void {
      if (this.#witnessing) {
        // The token is left before the witness is asked.
        if (this.witness === undefined) return
        this.#witnessing = false
        if (this.ride === 'awaited') {
          this.syncHeld = false
          super.prepare(wire)
        } else this.#sync(wire)
        return
      }
      this.tag = this.tag === undefined ? message.text : `${this.tag};${message.text}`
      this.tags += 1
      this.#witnessing = this.ride === 'behind' || this.ride === 'flushed' || this.ride === 'held'
      super.handleCommandComplete(message, wire)
    }

    override handleError(error: Error, wire: Wire): void {
      const connection = this.#connection as Connection
      if (error === this.refusal) {
        this.#settle('refused', connection)
      } else if (error === connection.errorFrame) {
        this.error ??= error as ReportMessage
        if (endsConnection(this.error.code ?? '')) connection.expectEnd()
        else {
          // A page of rows, or a held write, has no Sync behind it yet.
          if (this.rows) wire.sync()
          this.#sync(wire)
        }
      } else if (connection.usable) {
        // pg could not write the statement and has sent Sync in its place.
        this.refusal = error
      }
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

    evidence(connection: Connection): Evidence {
      return {
        submitted: this.submitted,
        syncHeld: this.syncHeld,
        witnessPending: this.#witnessing && this.tags > 0,
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
      if (failure !== undefined) this.callback?.(failure)
      else super.handleReadyForQuery((this.#connection as Connection)?.client.connection)
    }

    answer(tag: string): void {
      this.tag = tag
      super.handleCommandComplete(
        { text: tag },
        (this.#connection as Connection | undefined)?.client.connection as Wire,
      )
    }

    again(): Exchange {
      const { text, values, name, types, rows, portal, queryMode, binary, _rowMode } = this
      const copy = new RecordedQuery({
        ...(text === undefined ? {} : { text }),
        ...(values === undefined ? {} : { values }),
        ...(name === undefined ? {} : { name }),
        ...(types === undefined ? {} : { types }),
        ...(rows === undefined ? {} : { rows }),
        ...(queryMode === undefined ? {} : { queryMode }),
        ...(binary === undefined ? {} : { binary }),
        ...(_rowMode === undefined ? {} : { rowMode: _rowMode }),
        portal,
      })
      copy.callback = this.callback
      copy.statement = this.statement
      copy.losses = this.losses
      copy.unit = this.unit
      return copy
    }

    trim(): void {
      this.callback = undefined
      this.#connection = undefined
      this._result = undefined as never
      ;(this as unknown as { _results: unknown })._results = undefined
    }

    #sync(wire: Wire): void {
      if (!this.syncHeld) return
      this.syncHeld = false
      wire.sync()
    }

    #settle(ending: Ending, connection: Connection): void {
      if (this.ending !== undefined) return
      this.ending = ending
      if (ending !== 'lost') connection.idle()
      this.owner.settled(this, connection)
    }

    #tape(fields: Raw[]): void {
      for (const field of fields) this.tapedBytes += 8 + (field === null ? 0 : field.length)
      if (this.tapedBytes > this.tapeLimit) this.taped = undefined
      else this.taped?.push(fields)
    }
  }
  return RecordedQuery
}
