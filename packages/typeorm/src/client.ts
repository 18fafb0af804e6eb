import { type RepriseOptions, repriseClient } from '@reprise/pg'
import type pg from 'pg'
import { type Mended, opened } from './journal.ts'

type ClientClass = new (config?: string | pg.ClientConfig) => pg.Client & Mended

/** The classes made here: one of them is never wrapped again. */
const made = new WeakSet<object>()

/**
 * The session class for one copy of node-postgres. One that is a session class already stays what it
 * is, with its own options.
 * @throws TypeError for wrong options, or a client class that is not node-postgres
 */
export function clientFor(Base: unknown, options?: RepriseOptions): ClientClass {
  if (typeof Base !== 'function') {
    throw new TypeError(
      "Reprise needs node-postgres: TypeORM's driver option must be the pg module.",
    )
  }
  if (made.has(Base)) return Base as ClientClass
  const Session = repriseClient(Base, options) as unknown as ClientClass
  const Client = class Client extends Session {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      opened(this)
    }
  }
  made.add(Client)
  return Client
}
