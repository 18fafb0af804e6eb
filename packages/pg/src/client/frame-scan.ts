import type { Wire } from '../connection/wire.ts'

/** The type of a frame, and its length. */
const headSize = 5

/** Notes which kinds of frames are written to a socket, whoever writes them. */
export class FrameScan {
  readonly #socket: Wire['stream']
  readonly #before: PropertyDescriptor | undefined
  readonly #kinds = new Set<number>()
  readonly #head = Buffer.alloc(headSize)
  #headLength = 0
  /** What is still to come of the frame that has begun. */
  #left = 0
  /** Whether it was no frame that was written. */
  #lost = false

  /** @param socket nothing may be half-written there */
  constructor(socket: Wire['stream']) {
    this.#socket = socket
    this.#before = Object.getOwnPropertyDescriptor(socket, 'write')
    const { write } = socket
    const value = (bytes: Buffer, ...rest: unknown[]): unknown => {
      this.#read(bytes)
      return Reflect.apply(write, socket, [bytes, ...rest])
    }
    Object.defineProperty(socket, 'write', { configurable: true, writable: true, value })
  }

  /** Whether a frame of that kind was begun, or may have been. */
  has(kind: number): boolean {
    return this.#lost || this.#kinds.has(kind)
  }

  /** Notes no more. */
  end(): void {
    if (this.#before === undefined) Reflect.deleteProperty(this.#socket, 'write')
    else Object.defineProperty(this.#socket, 'write', this.#before)
  }

  #read(bytes: unknown): void {
    if (!Buffer.isBuffer(bytes)) this.#lost = true
    else for (let at = 0; at < bytes.length && !this.#lost; ) at += this.#take(bytes, at)
  }

  /** Reads on from there; says how many bytes it took. */
  #take(bytes: Buffer, at: number): number {
    if (this.#left > 0) {
      const skipped = Math.min(this.#left, bytes.length - at)
      this.#left -= skipped
      return skipped
    }
    const taken = bytes.copy(this.#head, this.#headLength, at)
    if (this.#headLength === 0) this.#kinds.add(this.#head[0] as number)
    this.#headLength += taken
    if (this.#headLength === headSize) {
      this.#headLength = 0
      this.#left = this.#head.readInt32BE(1) - 4
      this.#lost = this.#left < 0
    }
    return taken
  }
}
