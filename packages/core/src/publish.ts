import { type Channel, channel } from 'node:diagnostics_channel'
import { count } from './counters.ts'
import type { Events } from './events.ts'
import { type Log, write } from './log.ts'

const channels: { readonly [N in keyof Events]: Channel } = {
  'reprise:loss': channel('reprise:loss'),
  'reprise:recovery': channel('reprise:recovery'),
  'reprise:reconnect': channel('reprise:reconnect'),
  'reprise:waiting': channel('reprise:waiting'),
  'reprise:replay': channel('reprise:replay'),
  'reprise:resolve': channel('reprise:resolve'),
  'reprise:rerun': channel('reprise:rerun'),
  'reprise:surface': channel('reprise:surface'),
  'reprise:advice': channel('reprise:advice'),
}

/** Whether anybody listens to a channel: the price of one property read. */
export function isHeard(name: keyof Events): boolean {
  return channels[name].hasSubscribers
}

/**
 * Publishes an event, counts it, and writes it into the log of the call of reprise() that it is about.
 */
export function publish<N extends keyof Events>(name: N, event: Events[N], log?: Log): void {
  const to = channels[name]
  if (to.hasSubscribers) to.publish(event)
  count(name, event)
  if (log !== undefined) write(log, name, event)
}
