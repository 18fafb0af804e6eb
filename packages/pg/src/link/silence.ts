import { clock } from '@reprise/core'
import type { ClientConfig } from 'pg'
import type { Connection } from '../connection/connection.ts'
import type { Shared } from '../exchange/shared.ts'
import { quiet } from './attempt.ts'
import type { Hosts } from './hosts.ts'
import { type Probed, probe } from './probe.ts'

/** What was found out about a connection on which nothing moves; all but `alive` is given up. */
export type Silence = Probed | 'replaced'

/**
 * Finds out whether a connection on which nothing moves is half-open, or its server says nothing at all: for
 * the whole deadline, or until another of the list has taken its place.
 */
export function listenTo(
  silent: Connection,
  hosts: Hosts,
  shared: Shared,
  config: string | ClientConfig | undefined,
): Promise<Silence> {
  const answered = new AbortController()
  const { signal } = answered
  const replaced = async (): Promise<boolean> => {
    // A server that is there is asked by the probe in less.
    await clock.pause(quiet, undefined, { signal }).catch(() => undefined)
    return !signal.aborted && hosts.replaced(silent, signal)
  }
  return new Promise((resolve, reject) => {
    const probed = probe(silent, shared, config).finally(() => answered.abort())
    probed.then(resolve, reject)
    replaced().then((is) => is && resolve('replaced'), reject)
  })
}
