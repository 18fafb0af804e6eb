import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as Listening, type Socket } from 'node:net'
import { ClientGone, Peer } from './peer.ts'

/** What a fake server does with each connection. When it returns, the connection is ended. */
export type Script = (peer: Peer) => Promise<void>

/** A server that speaks the protocol as its script says: for what a real one does only by chance. */
export class FakeServer {
  /** Where it listens, on the loopback interface. */
  readonly port: number
  /** For a client to connect to. */
  readonly url: string
  readonly #listening: Listening
  readonly #sockets: Set<Socket> = new Set()
  readonly #failures: unknown[] = []
  #accepted = 0

  private constructor(listening: Listening) {
    this.#listening = listening
    this.port = (listening.address() as AddressInfo).port
    this.url = `postgres://postgres@127.0.0.1:${this.port}/postgres`
  }

  /** Starts a server that runs the script once for each connection. */
  static async start(script: Script): Promise<FakeServer> {
    const listening = createServer({ allowHalfOpen: true, noDelay: true })
    listening.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const server = new FakeServer(listening)
    listening.on('connection', (socket) => void server.#run(script, socket))
    return server
  }

  /** How many connections there have been. */
  get connections(): number {
    return this.#accepted
  }

  /**
   * Drops all connections and stops listening. Rejects with the first error that a script ended with,
   * so that a mistake in a script cannot pass for a client's behaviour. That a client left is none.
   */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (this.#listening.listening) {
      this.#listening.close()
      await once(this.#listening, 'close')
    }
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run(script: Script, socket: Socket): Promise<void> {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    const peer = new Peer(++this.#accepted, socket)
    try {
      await script(peer)
    } catch (error) {
      if (!(error instanceof ClientGone)) this.#failures.push(error)
    }
    await peer.end()
  }
}
