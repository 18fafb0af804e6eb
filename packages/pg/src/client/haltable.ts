import type { Wire } from '../connection/wire.ts'
import type { Halt } from '../link/link.ts'
import { overlaid } from './overlaid.ts'

/**
 * A wire whose stream's end halts a connect: pg-pool ends a slow one by its stream, and there may be
 * several, or none, until it is open.
 * @param connecting what is to be halted, while it is being connected
 */
export function haltable(wire: Wire, connecting: () => false | { halt(reason: Halt): void }): Wire {
  const destroy = (error?: Error): unknown => {
    const halted = connecting()
    return halted ? halted.halt('timeout') : wire.stream.destroy(error)
  }
  return overlaid(wire, 'stream', overlaid(wire.stream, 'destroy', destroy))
}
