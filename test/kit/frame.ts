import type { RawFrame } from './frame-reader.ts'

/** Where a frame comes from. */
export type Side = 'client' | 'server'

/** A frame on its way through a proxy. */
export interface Frame {
  /** The id of its connection, from 1. */
  readonly connection: number
  readonly from: Side
  /** Its letter; or `startup`, `ssl`, `gss`, `cancel`, or `opaque` for a piece of a TLS stream. */
  readonly type: string
  /** Its place among the frames of its connection and direction, from 0. */
  readonly index: number
  /** How many bytes it has on the wire. */
  readonly length: number
  /** What follows the letter and the length. */
  readonly body: Buffer
  /** The SQL of a client's Q and P, the tag of a server's C, and otherwise empty. */
  readonly text: string
}

/**
 * What to do with a frame.
 *
 * - `pass`: deliver it.
 * - `drop`: lose it, and go on.
 * - `hold`: keep it and all behind it in its direction, until the connection's resume().
 * - `cut`: a FIN both ways; it is not delivered.
 * - `reset`: an RST both ways; it is not delivered.
 * - `pass-then-cut`, `pass-then-reset`: the same after its delivery.
 * - `freeze`: nothing passes any more either way, it included, and the sockets stay open, until the
 *   connection's thaw().
 * - `swallow`: a frame of the client is delivered, one of the server is not; from then on all that the
 *   server says is lost, and once its ReadyForQuery has come (or its end) the client is reset.
 */
export type Action =
  | 'pass'
  | 'drop'
  | 'hold'
  | 'cut'
  | 'reset'
  | 'pass-then-cut'
  | 'pass-then-reset'
  | 'freeze'
  | 'swallow'

/** Hears of every frame once, in order, before it is delivered; saying nothing lets it pass. */
// biome-ignore lint/suspicious/noConfusingVoidType: a listener that merely looks returns nothing
export type Listener = (frame: Frame) => Action | void | Promise<Action | void>

/** The text that a frame carries, where it is one that a test asks about. */
export function textOf(from: Side, { type, body }: RawFrame): string {
  if (from === 'client' && type === 'Q') return stringAt(body, 0)
  if (from === 'client' && type === 'P') return stringAt(body, body.indexOf(0) + 1)
  if (from === 'server' && type === 'C') return stringAt(body, 0)
  return ''
}

function stringAt(body: Buffer, start: number): string {
  const end = body.indexOf(0, start)
  return body.toString('utf8', start, end === -1 ? body.length : end)
}
