import { titles } from '../subjects/index.ts'
import { laneKind } from './kind.ts'
import type { Lane } from './lane.ts'

/** Whom one waits for once nobody begins anything any more, and for how long at most: one line. */
export function waitingFor(
  lanes: readonly Pick<Lane, 'open' | 'order'>[],
  milliseconds: number,
): string {
  const hanging = new Map<string, number>()
  for (const { open, order } of lanes) {
    if (open === 0) continue
    const title = titles[order.subject]
    const name = laneKind(order) === 'with' ? `${title} with Reprise` : `stock ${title}`
    hanging.set(name, (hanging.get(name) ?? 0) + open)
  }
  const limit = `up to ${Math.max(0, Math.ceil(milliseconds / 1000))} s`
  if (hanging.size === 0) return `waiting for the clients to close, ${limit}`
  const total = [...hanging.values()].reduce((sum, open) => sum + open, 0)
  const one = total === 1
  const whom = hanging.size === 1 ? [...hanging.keys()].join() : `${hanging.size} clients`
  return `waiting for ${total} caller${one ? '' : 's'} of ${whom} that hang${one ? 's' : ''}, ${limit}`
}
