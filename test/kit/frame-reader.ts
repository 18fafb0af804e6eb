/** One message as it stood on the wire. */
export interface RawFrame {
  /** Its letter; or `startup`, `ssl`, `gss`, `cancel`, or `opaque` for bytes nobody here can read. */
  readonly type: string
  /** What follows the letter and the length. */
  readonly body: Buffer
  /** All of its bytes. */
  readonly bytes: Buffer
}

const requests = new Map([
  [80877102, 'cancel'],
  [80877103, 'ssl'],
  [80877104, 'gss'],
])
const tlsHandshake = 0x16

/**
 * Cuts the bytes of one direction of a connection into frames, however TCP has split them. The client
 * begins with frames that have no letter; the server answers some of them with a single byte.
 */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  #mode: 'startup' | 'typed' | 'opaque'
  #answer: 'ssl' | 'gss' | undefined

  constructor(from: 'client' | 'server') {
    this.#mode = from === 'client' ? 'startup' : 'typed'
  }

  /** The next byte answers such a request and is a frame of that type by itself. */
  expectAnswer(type: 'ssl' | 'gss'): void {
    this.#answer = type
  }

  /** From here on everything is encrypted. */
  becomeOpaque(): void {
    this.#mode = 'opaque'
  }

  /** Bytes that do not make a frame yet, and whether there are any. */
  get rest(): Buffer {
    return this.#rest
  }

  /** Takes in a chunk; gives the frames that are complete with it. */
  *read(chunk: Buffer): Generator<RawFrame, void> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (let frame = this.#next(); frame; frame = this.#next()) yield frame
  }

  #next(): RawFrame | undefined {
    if (this.#rest.length === 0) return undefined
    if (this.#mode === 'opaque') return this.#take('opaque', 0, this.#rest.length)
    if (this.#answer) {
      const type = this.#answer
      this.#answer = undefined
      return this.#take(type, 0, 1)
    }
    return this.#mode === 'startup' ? this.#untyped() : this.#typed()
  }

  #untyped(): RawFrame | undefined {
    // A client that begins with TLS itself, without asking.
    if (this.#rest[0] === tlsHandshake) {
      this.#mode = 'opaque'
      return this.#next()
    }
    if (this.#rest.length < 8) return undefined
    const length = this.#rest.readUInt32BE(0)
    if (this.#rest.length < length) return undefined
    const type = requests.get(this.#rest.readUInt32BE(4)) ?? 'startup'
    if (type === 'startup') this.#mode = 'typed'
    return this.#take(type, 4, length)
  }

  #typed(): RawFrame | undefined {
    if (this.#rest.length < 5) return undefined
    const length = this.#rest.readUInt32BE(1) + 1
    if (this.#rest.length < length) return undefined
    return this.#take(String.fromCharCode(this.#rest[0] as number), 5, length)
  }

  #take(type: string, header: number, length: number): RawFrame {
    const bytes = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return { type, body: bytes.subarray(header), bytes }
  }
}
