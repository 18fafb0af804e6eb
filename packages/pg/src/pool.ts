import { type RepriseOptions, settingsOf } from '@reprise/core'
import type { ClientConfig } from 'pg'
import { kitFor } from './kit.ts'
import { Session } from './session.ts'
import type { PgClientClass } from './wire.ts'

/** A session class that takes a pg client config and nothing else, as pools construct their clients. */
export type SessionClass = new (config?: string | ClientConfig) => Session

/**
 * Derives the session class for one copy of node-postgres.
 * @throws TypeError for wrong options, or a client class that is not node-postgres
 */
export function sessionClass(Base: PgClientClass, options?: RepriseOptions): SessionClass {
  const kit = kitFor(Base, settingsOf(options))
  return class Client extends Session {
    static readonly Query: unknown = Base.Query

    constructor(config?: string | ClientConfig) {
      super(kit, config)
    }
  }
}
