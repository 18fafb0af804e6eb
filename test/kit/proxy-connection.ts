import { connect, type Socket } from 'node:net'
import { type Action, type Frame, type Side, textOf } from './frame.ts'
import type { RawFrame } from './frame-reader.ts'
import { Lane, type Traffic } from './lane.ts'

/** Where it leads to, and how many milliseconds later than at once what comes back is passed on. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly latency: number
  /** Whether the server is to see the client's own port. */
  readonly transparent: boolean
}

/** What a connection tells the proxy that it belongs to. */
export interface ProxyHost {
  judge(frame: Frame): Action | Promise<Action>
  /** The client spoke after the server had. */
  flight(): void
  /** It is no longer live: over, or about to be. */
  ended(connection: ProxyConnection): void
  /** Both of its sockets are closed. */
  closed(connection: ProxyConnection): void
}

/** A live connection through a proxy. */
export class ProxyConnection {
  /** From 1, in the order in which the proxy accepted them. */
  readonly id: number
  readonly #host: ProxyHost
  readonly #client: Socket
  readonly #server: Socket
  readonly #lanes: Record<Side, Lane>
  readonly #seen: Record<Side, number> = { client: 0, server: 0 }
  #spoke: Side = 'server'
  #ended = false

  constructor(id: number, client: Socket, target: Target, host: ProxyHost) {
    this.id = id
    this.#host = host
    this.#client = client
    const { host: address, port, latency, transparent } = target
    const from = transparent ? { localAddress: '127.0.0.1', localPort: client.remotePort } : {}
    this.#server = connect({ host: address, port, ...from, allowHalfOpen: true, noDelay: true })
    const traffic: Traffic = {
      judge: (from, frame) => this.#judge(from, frame),
      delivered: (from, frame) => this.#delivered(from, frame),
      act: (action) => this.#act(action),
      lost: (from) => this.#lost(from),
    }
    this.#lanes = {
      client: new Lane('client', client, this.#server, traffic),
      server: new Lane('server', this.#server, client, traffic, latency),
    }
    for (const [one, other] of [
      [client, this.#server],
      [this.#server, client],
    ] as const) {
      one.on('close', () => other.closed && this.#close())
    }
  }

  /** A FIN both ways, behind what was delivered already. */
  cut(): void {
    this.#end()
    this.#client.end()
    this.#server.end()
  }

  /** An RST both ways, behind what was delivered already. */
  reset(): void {
    this.#end()
    abort(this.#client)
    abort(this.#server)
  }

  /** An RST to the client alone, as a NAT or a balancer sends it: the server knows of nothing. */
  strand(): void {
    this.#end()
    abort(this.#client)
  }

  /** Nothing passes any more, not even an end, and the sockets stay open. */
  freeze(): void {
    for (const lane of this.#bothLanes()) lane.frozen = true
    this.#client.pause()
    this.#server.pause()
  }

  /** Ends a freeze: what has gathered is delivered. */
  thaw(): void {
    for (const lane of this.#bothLanes()) lane.frozen = false
    this.#client.resume()
    this.#server.resume()
    this.#run()
  }

  /** Ends a hold: what has gathered is delivered. */
  resume(): void {
    for (const lane of this.#bothLanes()) lane.held = false
    this.#run()
  }

  /** Both sockets are gone at once. */
  destroy(): void {
    this.#end()
    this.#client.destroy()
    this.#server.destroy()
  }

  #bothLanes(): Lane[] {
    return [this.#lanes.client, this.#lanes.server]
  }

  #run(): void {
    for (const lane of this.#bothLanes()) void lane.run()
  }

  #end(): void {
    for (const lane of this.#bothLanes()) lane.close()
    // What still comes is read and thrown away, so that the peer's own FIN is seen.
    this.#client.resume()
    this.#server.resume()
    if (this.#ended) return
    this.#ended = true
    this.#host.ended(this)
  }

  #close(): void {
    this.#end()
    this.#host.closed(this)
  }

  #judge(from: Side, raw: RawFrame): Action | Promise<Action> {
    // A farewell waits for no answer, so it is no round trip.
    if (from === 'client' && raw.type !== 'X') {
      if (this.#spoke === 'server') this.#host.flight()
      this.#spoke = 'client'
    }
    const { type, body, bytes } = raw
    const index = this.#seen[from]++
    const text = textOf(from, raw)
    return this.#host.judge({
      connection: this.id,
      from,
      type,
      index,
      length: bytes.length,
      body,
      text,
    })
  }

  #delivered(from: Side, { type, body }: RawFrame): void {
    if (from === 'server') this.#spoke = 'server'
    if (type === 'opaque') this.#lanes.server.reader.becomeOpaque()
    if (type !== 'ssl' && type !== 'gss') return
    if (from === 'client') this.#lanes.server.reader.expectAnswer(type)
    else if (body.toString() !== 'N')
      for (const { reader } of this.#bothLanes()) reader.becomeOpaque()
  }

  #act(action: 'cut' | 'reset' | 'freeze' | 'swallow'): void {
    if (action === 'swallow') this.#lanes.server.swallowing = true
    else this[action]()
  }

  // One side is gone without a word, or has said the last word that is swallowed.
  #lost(from: Side): void {
    this.#end()
    if (from === 'client') this.#client.destroy()
    else this.#server.end()
    abort(from === 'client' ? this.#server : this.#client)
  }
}

// An RST, after what is still on its way to the kernel. Where a FIN was sent there can be none.
function abort(socket: Socket): void {
  if (socket.destroyed) return
  if (socket.writableEnded) socket.destroy()
  else if (socket.writableLength === 0 || socket.connecting) socket.resetAndDestroy()
  else socket.write(Buffer.alloc(0), () => socket.resetAndDestroy())
}
