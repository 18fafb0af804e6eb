import type { Connection } from '../connection/connection.ts'
import type { Backend } from '../connection/incarnation.ts'
import type {
  PgQuery,
  PgQueryClass,
  QueryCallback,
  QueryConfig,
  Raw,
  Wire,
} from '../connection/wire.ts'
import { readIdentity } from '../witness/backend.ts'
import type { Token } from '../witness/token.ts'
import {
  type Ride,
  readWitness,
  type Witness,
  writeIdentity,
  writeWitness,
} from '../witness/witness.ts'

/**
 * A pg.Query with statements of the session's own around it, in the same write: who executes it, a
 * READ ONLY transaction, a witness. What answers them is kept from pg, which knows nothing of them.
 */
export interface EscortedQuery extends PgQuery {
  ride: Ride
  identify: boolean
  guarded: boolean
  draw: boolean
  token: Token | undefined
  syncHeld: boolean
  witness: Witness | undefined
  backend: Backend | undefined
  /** Where it was sent, until it leaves. */
  readonly carrier: Connection | undefined
  /** Whether answers to the session's own are to come before the statement's. */
  readonly ahead: boolean
  /** Whether they are to come behind it, and the statement's own is over. */
  readonly behind: boolean
  /** It is about to be sent there: what goes with it is settled. */
  join(connection: Connection): void
  /** Nothing leads from it to its connection any more. */
  leave(): void
  /** A row that answers one of the session's own. */
  hear(row: Raw[]): void
  /** A CommandComplete came; answers whether it is that of one of the session's own. */
  passes(wire: Wire): boolean
  /** The statement's own answer is over: the others are to come. */
  follow(): void
  /** Sends the Sync that was held back, if it was. */
  sync(wire: Wire): void
}

type EscortedQueryClass = new (
  config: string | QueryConfig,
  values?: unknown[] | QueryCallback,
  callback?: QueryCallback,
) => EscortedQuery

/** Derives it from the query class of the caller's own copy of pg. */
export function escortedClassOf(Query: PgQueryClass): EscortedQueryClass {
  return class Escorted extends Query implements EscortedQuery {
    ride: Ride = 'none'
    identify = false
    guarded = false
    draw = false
    token: Token | undefined = undefined
    syncHeld = false
    witness: Witness | undefined = undefined
    backend: Backend | undefined = undefined
    #connection: Connection | undefined = undefined
    /** Answers to come that belong to what the session sends along, before and behind the statement's. */
    #ahead = 0
    #behind = 0

    get carrier(): Connection | undefined {
      return this.#connection
    }

    get ahead(): boolean {
      return this.#ahead > 0
    }

    get behind(): boolean {
      return this.#behind > 0
    }

    join(connection: Connection): void {
      this.#connection = connection
      const { ride } = this
      const asks = ride === 'ahead' || ride === 'awaited'
      this.#ahead = Number(this.identify) + Number(this.guarded) + (asks ? this.#riding() : 0)
    }

    leave(): void {
      this.#connection = undefined
    }

    override requiresPreparation(): boolean {
      return this.ride !== 'none' || this.identify || this.guarded || super.requiresPreparation()
    }

    override prepare(wire: Wire): void {
      if (this.identify) writeIdentity(wire, this.#connection as Connection)
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

    hear(row: Raw[]): void {
      const connection = this.#connection as Connection
      // The identity comes first.
      if (this.identify && this.backend === undefined) this.backend = readIdentity(row, connection)
      else {
        const backend = this.backend ?? connection.backend
        if (backend !== undefined) this.witness = readWitness(row, connection, backend, this)
      }
    }

    passes(wire: Wire): boolean {
      if (this.#ahead > 0) {
        this.#ahead -= 1
        if (this.#ahead > 0 || this.ride !== 'awaited' || !isOpen(wire)) return true
        this.syncHeld = false
        super.prepare(wire)
        return true
      }
      if (this.#behind === 0) return false
      this.#behind -= 1
      if (this.#behind === 0) this.sync(wire)
      return true
    }

    follow(): void {
      if (this.#ridesBehind()) this.#behind = this.#riding()
      else if (this.guarded) this.#behind = 1
    }

    sync(wire: Wire): void {
      if (!this.syncHeld || !isOpen(wire)) return
      this.syncHeld = false
      wire.sync()
    }

    /** How many statements of the session's own ride along: a token, and who tells the id if anybody does. */
    #riding(): number {
      const { identifying } = this.#connection as Connection
      return Number(this.token !== undefined) + Number(identifying)
    }

    #ridesBehind(): boolean {
      return this.ride === 'behind' || this.ride === 'flushed' || this.ride === 'held'
    }
  }
}

/** Whether what is written there can still leave. */
export function isOpen({ stream }: Wire): boolean {
  return stream.writable !== false
}

/** Sends a statement of the session's own in the midst of an exchange. */
function execute(wire: Wire, text: string): void {
  wire.parse({ text })
  wire.bind({})
  wire.execute({})
}
