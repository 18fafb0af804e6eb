import type { Wire } from './wire.ts'

/**
 * pg's parser throws at bytes that are no protocol, right out of the socket's data event: a garbled
 * stream, or a kind of authentication it does not know, would end the process. This makes it an
 * error of the socket, as which pg handles it like any other end.
 *
 * What listeners of the application's throw passes as it does without us: after the greeting only a
 * RangeError is the parser's.
 *
 * @param greeted whether the connection is past its authentication
 */
export function guardParser(wire: Wire, greeted: () => boolean): void {
  const attach = wire.attachListeners
  if (attach === undefined) return
  wire.attachListeners = (stream) => {
    const before = stream.listeners('data')
    attach.call(wire, stream)
    for (const parse of stream.listeners('data') as ((chunk: Buffer) => void)[]) {
      if (before.includes(parse)) continue
      stream.removeListener('data', parse)
      stream.on('data', (chunk: Buffer) => {
        try {
          parse(chunk)
        } catch (error) {
          if (greeted() && !(error instanceof RangeError)) throw error
          wire.emit('error', error)
        }
      })
    }
  }
}

/**
 * A client without a socket can do nothing, and pools call what it would do.
 * @throws TypeError where the `stream` of a configuration gave none
 */
export function requireSocket({ stream }: Wire): void {
  if (typeof (stream as { destroy?: unknown } | undefined)?.destroy === 'function') return
  throw new TypeError("'stream' gave no socket: give a stream, or a function that makes one.")
}
