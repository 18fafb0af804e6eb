import type { RepriseError } from '@reprise/core'
import { GaveUp } from '../link/reconnect.ts'
import type { Recoverable } from '../recovery/preparation.ts'
import { tellSurfaced } from '../recovery/surface.ts'
import { connectFailure } from './failures.ts'

/** What a session knows of its server, for those who wait for a session. */
export interface Outlook {
  /** Whether it has a connection. */
  readonly connected: boolean
  /** Whether the last that is known of the server is that it is down. */
  readonly down: boolean
  /** Whether somebody waits for it here. */
  readonly waiting: boolean
  /** When it lost its last connection, by the clock of `performance.now()`. */
  readonly lostAt: number
  /** How long anybody waits for it. */
  readonly deadline: number
}

type Asked = Pick<Recoverable, 'link' | 'settings'>

const asked = new WeakMap<object, Asked>()

/** From now on others may ask a session what it knows. */
export function knowOutage(session: object, conversation: Asked): void {
  asked.set(session, conversation)
}

/** @returns undefined for what is no session */
export function outlookOf(session: object): Outlook | undefined {
  const conversation = asked.get(session)
  if (conversation === undefined) return undefined
  const { link, settings } = conversation
  return {
    connected: link.connection.usable && !link.waiting,
    down: link.hosts.gate.down,
    waiting: link.waiting,
    lostAt: link.lostAt,
    deadline: settings.deadline,
  }
}

/** What somebody is told who has waited for a session for as long as that waits for its server. */
export function neverServed(session: object): Error {
  const { link, settings } = asked.get(session) as Asked
  const { client } = link.connection
  const { lastFailure } = link.hosts.gate
  const failure = connectFailure(new GaveUp('deadline', 0, lastFailure), client) as RepriseError
  tellSurfaced({ link, settings }, failure)
  return failure
}
