import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Events } from '@reprise/core'

/** What is done about each event. */
export type Hearing = { readonly [N in keyof Events]?: (event: Events[N]) => void }

/**
 * Listens to the channels of Reprise.
 * @returns ends it
 */
export function listen(hearing: Hearing): () => void {
  const heard = Object.entries(hearing) as (readonly [string, (event: unknown) => void])[]
  for (const [name, hear] of heard) subscribe(name, hear)
  return () => {
    for (const [name, hear] of heard) unsubscribe(name, hear)
  }
}
