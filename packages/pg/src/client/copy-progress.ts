import type { Submittable, Wire } from '../connection/wire.ts'

/**
 * The most that the kernel, or a proxy, may hold of what it has taken, in bytes: by default Linux lets a
 * socket's send buffer grow up to that (tcp_wmem).
 */
const mostHeld = 4 * 1024 * 1024

/**
 * A COPY that is under way through a stream. Whether it waits for the server or for its caller is read off
 * the stream and the socket: a caller may take as long as he likes.
 */
export class CopyProgress {
  readonly #stream: Submittable
  readonly #socket: Wire['stream']
  readonly #from: number
  /** Whether the server has asked for the rows. */
  #asked = false

  private constructor(stream: Submittable, socket: Wire['stream']) {
    this.#stream = stream
    this.#socket = socket
    this.#from = socket.bytesWritten ?? 0
  }

  /** @returns undefined where it is no stream of Node's, of which nobody knows what it waits for */
  static of(submittable: Submittable, socket: Wire['stream']): CopyProgress | undefined {
    const { handleCopyInResponse, readableLength, writableEnded } = submittable
    const writes = typeof handleCopyInResponse === 'function'
    if ((writes ? writableEnded : readableLength) === undefined) return undefined
    const copy = new CopyProgress(submittable, socket)
    if (writes) {
      submittable.handleCopyInResponse = (...given: unknown[]) => {
        copy.#asked = true
        return Reflect.apply(handleCopyInResponse, submittable, given)
      }
    }
    return copy
  }

  /**
   * Of one that writes: before the server has asked for rows, where it does not take those that there are,
   * and after the last. Of one that reads: unless something has arrived that its caller has not taken.
   */
  get waitsForServer(): boolean {
    const { handleCopyInResponse, writableEnded, destroyed } = this.#stream
    const { readableLength = 0, writableLength = 0 } = this.#socket
    if (handleCopyInResponse === undefined) return readableLength === 0
    return !this.#asked || writableLength > 0 || writableEnded === true || destroyed === true
  }

  /** How many bytes of its rows may still be on their way. */
  get upload(): number {
    return Math.min(mostHeld, (this.#socket.bytesWritten ?? 0) - this.#from)
  }
}
