import type { Socket } from 'node:net'
import { textOf } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import { authenticationOk, backendKeyData, parameterStatus, readyForQuery } from './frames.ts'

/** What a client sent. */
export interface ClientFrame {
  /** Its letter, or `startup`, `ssl`, `gss`, `cancel`. */
  readonly type: string
  /** The SQL of Q and P. */
  readonly text: string
  readonly body: Buffer
}

/** The client has left, so that nothing more can be read from it or sent to it. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/** One client's connection, as the script of a fake server sees it. */
export class Peer {
  /** Which connection it is, from 1. */
  readonly number: number
  readonly #socket: Socket
  readonly #frames: ClientFrame[] = []
  readonly #gone: Promise<void>
  #over = false
  #awake: () => void = () => {}
  #size = Number.POSITIVE_INFINITY
  #appetite = Number.POSITIVE_INFINITY
  #sending: Promise<void> = Promise.resolve()

  constructor(number: number, socket: Socket) {
    this.number = number
    this.#socket = socket
    const reader = new FrameReader('client')
    socket.on('data', (chunk: Buffer) => {
      this.#appetite -= chunk.length
      if (this.#appetite <= 0) socket.pause()
      for (const raw of reader.read(chunk)) {
        this.#frames.push({ type: raw.type, text: textOf('client', raw), body: raw.body })
      }
      this.#awake()
    })
    this.#gone = new Promise((resolve) => {
      const leave = () => {
        this.#over = true
        this.#awake()
        resolve()
      }
      socket.on('end', leave)
      socket.on('close', leave)
      socket.on('error', leave)
    })
  }

  /** Reads the client's startup, refusing encryption, and greets it up to ReadyForQuery. */
  async startup(): Promise<void> {
    let frame = await this.read()
    while (frame.type === 'ssl' || frame.type === 'gss') {
      await this.send(Buffer.from('N'))
      frame = await this.read()
    }
    await this.send(
      authenticationOk,
      parameterStatus('server_version', '18.4'),
      parameterStatus('server_encoding', 'UTF8'),
      parameterStatus('client_encoding', 'UTF8'),
      parameterStatus('standard_conforming_strings', 'on'),
      backendKeyData(10_000 + this.number, 4711),
      readyForQuery('I'),
    )
  }

  /** The client's next frame. Rejects with ClientGone where none will come. */
  async read(): Promise<ClientFrame> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame) return frame
      if (this.#over) throw new ClientGone('The client has left')
      await new Promise<void>((resolve) => {
        this.#awake = resolve
      })
    }
  }

  /** The client's frames up to the one that makes the server answer: Sync or a simple Query. */
  async readUntilSync(): Promise<ClientFrame[]> {
    const frames: ClientFrame[] = []
    for (;;) {
      const frame = await this.read()
      frames.push(frame)
      if (frame.type === 'S' || frame.type === 'Q') return frames
    }
  }

  /** Sends frames behind all that was sent before; resolves when the last byte is on its way. */
  send(...frames: Buffer[]): Promise<void> {
    const bytes = Buffer.concat(frames)
    this.#sending = this.#sending.then(() => this.#write(bytes, this.#size))
    return this.#sending
  }

  /** All that is sent from now on arrives in pieces of so many bytes. */
  chunked(size: number): void {
    this.#size = size
  }

  /**
   * From now on takes about so many bytes from the client, and leaves the rest to the kernel. Resolves
   * when it has taken them, or when all that the client wants to send may come.
   */
  async takes(bytes: number): Promise<void> {
    this.#appetite = bytes
    this.#socket.resume()
    while (this.#appetite > 0 && bytes < Number.POSITIVE_INFINITY && !this.#over) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** A FIN, behind all that was sent. What the client sends can still be read. */
  async end(): Promise<void> {
    await this.#sending
    this.#socket.end()
  }

  /** An RST, behind all that was sent. */
  async reset(): Promise<void> {
    await this.#sending
    if (this.#socket.writableEnded) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  /** Does nothing more; resolves when the client leaves. */
  hang(): Promise<void> {
    return this.#gone
  }

  async #write(bytes: Buffer, size: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += size) {
      if (this.#socket.destroyed || this.#socket.writableEnded) return
      await new Promise((resolve) => this.#socket.write(bytes.subarray(at, at + size), resolve))
      // The client's socket is read in between, or the kernel would put the pieces together again.
      if (size < bytes.length) await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
