import { type RepriseOptions, settingsOf } from '@reprise/core'
import type { ClientConfig } from 'pg'
import type { PgClientClass } from '../connection/wire.ts'
import { sharedBy } from '../exchange/shared.ts'
import { ClientFace } from './client-face.ts'
import { withoutMisplaced } from './misplaced.ts'
import { Session } from './session.ts'

declare module 'pg' {
  interface ClientBase {
    /** A listening session was without a connection for a while: read what its notifications are about. */
    on(event: 'notificationsMissed', listener: () => void): this
  }
}

const mark = Symbol.for('reprise.session')

/** A session class that takes a pg client config and nothing else, as pools construct their clients. */
export type SessionClass = new (config?: string | ClientConfig) => Session

/**
 * Derives the session class for one copy of node-postgres.
 * A class that is one already is returned as it is.
 *
 * @throws TypeError for wrong options, or a client class that is not node-postgres
 */
export function sessionClass(Base: PgClientClass, options?: RepriseOptions): SessionClass {
  const settings = settingsOf(options)
  if (isSessionClass(Base)) return Base
  const shared = sharedBy(Base, settings)
  class Client extends Session {
    static readonly [mark] = true
    static readonly Query: unknown = Base.Query

    constructor(config?: string | ClientConfig) {
      super(shared, withoutMisplaced(config))
    }
  }
  passFor(Client.prototype, Base.prototype as object)
  return Client
}

/**
 * Makes what a class constructs an `instanceof` the client class that it stands for: libraries ask for
 * that. All that a session has comes first on it, so nothing of the client's own is ever called by a
 * name that a session knows.
 */
function passFor(prototype: object, base: object): void {
  for (const above of [ClientFace.prototype, Session.prototype]) {
    const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(above)
    Object.defineProperties(prototype, members)
  }
  Object.setPrototypeOf(prototype, base)
}

/**
 * Whether every client of a pool is a session, those that it has and those that it will make; or
 * whether a client is one. For an assertion when an application starts.
 */
export function isReprised(value: unknown): boolean {
  const { Client, _clients: clients = [] } = (value ?? {}) as {
    Client?: unknown
    _clients?: readonly unknown[]
  }
  if (Client === undefined) return isSessionClass((value as object | null | undefined)?.constructor)
  // A pool that was put on sessions late still holds the clients that it had before.
  return isSessionClass(Client) && clients.every((client) => isReprised(client))
}

/** Marked, not tested by instanceof: there may be two copies of this package in one tree. */
function isSessionClass(Base: unknown): Base is SessionClass {
  return typeof Base === 'function' && (Base as unknown as Record<symbol, unknown>)[mark] === true
}
