import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as Listening, Socket } from 'node:net'
import type { Action, Frame, Listener } from './frame.ts'
import { ProxyConnection, type Target } from './proxy-connection.ts'

/** What has passed through a proxy. */
export class Counts {
  /** Frames of both directions, whatever became of them. */
  frames = 0
  /**
   * Runs of client frames after server frames: the round trips, opening a connection included. The
   * farewell at the end is none.
   */
  flights = 0

  /** Begins again at nothing. */
  reset(): void {
    this.frames = 0
    this.flights = 0
  }
}

/** How a proxy behaves. */
export interface ProxyOptions {
  /** Milliseconds that it adds to each round trip, on the way back. Default 0. */
  readonly latency?: number
  /**
   * Whether the server sees the port of the client that is at the other end, as without a proxy. The client
   * has to bind its socket to a port by its own choice: {@link bound}.
   */
  readonly transparent?: boolean
}

/** A socket that is bound to that port of the loopback interface, whoever else is. For pg's option `stream`. */
export function bound(localPort: number): Socket {
  const socket = new Socket()
  const connect = socket.connect as (options: object) => Socket
  const bind = (port: number, host: string): Socket =>
    connect.call(socket, { port, host, localAddress: '127.0.0.1', localPort })
  return Object.assign(socket, { connect: bind })
}

/**
 * A loopback proxy in front of a server that understands the protocol: faults happen at a chosen
 * frame and not at a chosen time.
 */
export class Proxy {
  /** Where it listens, on the loopback interface. */
  readonly port: number
  /** What has passed so far. */
  readonly counts: Counts = new Counts()
  readonly #listening: Listening
  #target: Target
  readonly #connections: Set<ProxyConnection> = new Set()
  // Those that were cut are no longer live, yet a peer may keep its end open.
  readonly #all: Set<ProxyConnection> = new Set()
  readonly #listeners: Set<Listener> = new Set()
  #refusing = false
  #accepted = 0

  private constructor(listening: Listening, target: Target) {
    this.#listening = listening
    this.#target = target
    this.port = (listening.address() as AddressInfo).port
  }

  /** Starts a proxy on a port of its own in front of that server. */
  static async start(
    target: { host: string; port: number },
    { latency = 0, transparent = false }: ProxyOptions = {},
  ): Promise<Proxy> {
    const listening = createServer({ allowHalfOpen: true, noDelay: true })
    listening.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const proxy = new Proxy(listening, {
      host: target.host,
      port: target.port,
      latency,
      transparent,
    })
    listening.on('connection', (socket) => {
      // Whatever becomes of a socket must not become of the test.
      socket.on('error', () => {})
      if (proxy.#refusing) socket.resetAndDestroy()
      else proxy.#accept(socket)
    })
    return proxy
  }

  /** The same database through this proxy. */
  url(databaseUrl: string): string {
    const url = new URL(databaseUrl)
    url.hostname = '127.0.0.1'
    url.port = String(this.port)
    return url.href
  }

  /**
   * Has a listener judge every frame. With several, all hear of it and the first one that says
   * anything else than `pass` decides. Returns what takes the listener away again.
   */
  onFrame(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The live connections, oldest first. */
  get connections(): ProxyConnection[] {
    return [...this.#connections]
  }

  /** New connections lead to another server from now on. */
  lead({ host, port }: { host: string; port: number }): void {
    this.#target = { ...this.#target, host, port }
  }

  /** While on, new connections are reset as soon as they are made. */
  refuse(on: boolean): void {
    this.#refusing = on
  }

  /** Ends all connections and stops listening. */
  async close(): Promise<void> {
    for (const connection of this.#all) connection.destroy()
    if (!this.#listening.listening) return
    this.#listening.close()
    await once(this.#listening, 'close')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #accept(socket: Socket): void {
    const connection = new ProxyConnection(++this.#accepted, socket, this.#target, {
      judge: (frame) => this.#judge(frame),
      flight: () => this.counts.flights++,
      ended: (which) => this.#connections.delete(which),
      closed: (which) => this.#all.delete(which),
    })
    this.#connections.add(connection)
    this.#all.add(connection)
  }

  #judge(frame: Frame): Action | Promise<Action> {
    this.counts.frames++
    const verdicts = [...this.#listeners].map((listener) => listener(frame))
    if (verdicts.some((verdict) => verdict instanceof Promise)) {
      return Promise.all(verdicts).then(decide)
    }
    return decide(verdicts)
  }
}

function decide(verdicts: unknown[]): Action {
  const decided = verdicts.find((verdict) => verdict !== undefined && verdict !== 'pass')
  return (decided as Action | undefined) ?? 'pass'
}
