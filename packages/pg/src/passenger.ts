import type { Evidence, Statement, TransactionStatus } from '@reprise/core'
import type { Connection } from './connection.ts'
import type { Submittable, Wire } from './wire.ts'

/** Who hears that a passenger has left the wire. */
export interface PassengerOwner {
  left(passenger: Passenger, connection: Connection): void
  /** Gives the error that a passenger is to see instead of what pg says. */
  lossFor(passenger: Passenger, connection: Connection, error: Error): Error
}

/**
 * A cursor, a query stream, a COPY stream or a pg.Query of the caller's own making: it drives the
 * wire itself, so it is passed through and never replayed. A loss ends it with an error.
 */
export class Passenger {
  readonly awaitsAnswer = false
  readonly load: Submittable
  readonly statement: Statement
  before: TransactionStatus = 'I'
  submitted = false
  readonly #owner: PassengerOwner

  constructor(load: Submittable, statement: Statement, owner: PassengerOwner) {
    this.load = load
    this.statement = statement
    this.#owner = owner
  }

  run(connection: Connection): void {
    this.before = connection.status
    this.submitted = true
    const { load } = this
    const handleError = load.handleError
    if (handleError !== undefined) {
      load.handleError = (error, wire) => {
        load.handleError = handleError
        handleError.call(load, this.#owner.lossFor(this, connection, error), wire)
      }
    }
    connection.run(this, load)
  }

  /** ReadyForQuery was seen. */
  ready(connection: Connection): void {
    // pg tells the passenger itself of this frame right after us: let it go first.
    process.nextTick(() => {
      connection.idle()
      this.#owner.left(this, connection)
    })
  }

  /** The connection ended: nothing may wait for a frame that will not come. */
  lost(connection: Connection): void {
    const wire = connection.client.connection
    settleWaiting(wire)
    this.#owner.left(this, connection)
  }

  /** It never came to be sent. */
  fail(error: Error): void {
    this.load.handleError?.(error)
  }

  evidence(connection: Connection): Evidence {
    return {
      submitted: this.submitted,
      syncHeld: false,
      witnessPending: false,
      status: this.before,
      statement: this.statement,
      tag: undefined,
      tags: 0,
      error: connection.errorFrame,
      notice: connection.lastNotice,
      socket: connection.socketCode,
    }
  }
}

/**
 * pg-cursor's close() waits on the wire for a ReadyForQuery, which a dead wire never brings: whoever
 * waits is told now, and whoever asks later is told at once.
 */
function settleWaiting(wire: Wire): void {
  for (const listener of wire.rawListeners('readyForQuery')) {
    // Only a once() is a wait; the standing listeners are pg's and ours.
    if ('listener' in listener) Reflect.apply(listener, wire, [])
  }
  const once = wire.once
  wire.once = function (this: Wire, event: string | symbol, listener: (...args: never[]) => void) {
    if (event !== 'readyForQuery') return once.call(this, event, listener as () => void) as Wire
    setImmediate(listener as () => void)
    return this
  } as Wire['once']
}
