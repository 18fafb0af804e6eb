import type { Submittable, Wire } from '../connection/wire.ts'
import { FrameScan } from './frame-scan.ts'

/**
 * The most that the kernel, or a proxy, may hold of what it has taken, in bytes: by default Linux lets a
 * socket's send buffer grow up to that (tcp_wmem).
 */
const mostHeld = 4 * 1024 * 1024

/** What ends the rows of a COPY: CopyDone, or CopyFail. */
const done = 'c'.charCodeAt(0)
const fail = 'f'.charCodeAt(0)

/**
 * A COPY that is under way through a stream. Whether it waits for the server or for its caller is read off
 * the frames that it writes and the socket: a caller may take as long as he likes.
 */
export class CopyProgress {
  readonly #socket: Wire['stream']
  /** What it writes; undefined of one that reads. */
  readonly #written: FrameScan | undefined
  readonly #from: number
  /** Whether the server has asked for the rows. */
  #asked = false

  private constructor(socket: Wire['stream'], written: FrameScan | undefined) {
    this.#socket = socket
    this.#written = written
    this.#from = socket.bytesWritten ?? 0
  }

  /**
   * @returns undefined where it neither takes rows nor is a stream of Node's: nobody knows what it waits for
   */
  static of(submittable: Submittable, socket: Wire['stream']): CopyProgress | undefined {
    const { handleCopyInResponse, readableLength } = submittable
    if (typeof handleCopyInResponse !== 'function') {
      return readableLength === undefined ? undefined : new CopyProgress(socket, undefined)
    }
    const copy = new CopyProgress(socket, new FrameScan(socket))
    submittable.handleCopyInResponse = (...given: unknown[]) => {
      copy.#asked = true
      return Reflect.apply(handleCopyInResponse, submittable, given)
    }
    return copy
  }

  /**
   * Of one that writes: before the server has asked for rows, where it does not take those that there are,
   * and after the last. Of one that reads: unless something has arrived that its caller has not taken.
   */
  get waitsForServer(): boolean {
    const { readableLength = 0, writableLength = 0 } = this.#socket
    if (this.#written === undefined) return readableLength === 0
    return !this.#asked || writableLength > 0 || this.#written.has(done) || this.#written.has(fail)
  }

  /** Whether the server waits for rows, and was never told that there are no more: without that it keeps none. */
  get unfinished(): boolean {
    return this.#asked && this.#written?.has(done) === false
  }

  /** How many bytes of its rows may still be on their way. */
  get upload(): number {
    return Math.min(mostHeld, (this.#socket.bytesWritten ?? 0) - this.#from)
  }

  /** It has left the wire. */
  end(): void {
    this.#written?.end()
  }
}
