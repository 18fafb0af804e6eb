import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What a relay does with what comes by; `mute` lets the server hear everything, and nobody hear the server. */
export type Traffic = 'pass' | 'mute' | 'freeze' | 'refuse'

/** A stretch of network between two programs of a cluster, which can be cut and frozen. */
export class Relay {
  readonly port: number
  readonly #listening: Server
  readonly #pairs: Set<readonly [Socket, Socket]> = new Set()
  #traffic: Traffic = 'pass'

  private constructor(listening: Server, target: number) {
    this.#listening = listening
    this.port = (listening.address() as AddressInfo).port
    listening.on('connection', (socket) => this.#accept(socket, target))
  }

  /** Starts one in front of a loopback port. */
  static async start(target: number): Promise<Relay> {
    const listening = createServer({ noDelay: true })
    listening.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    return new Relay(listening, target)
  }

  /** From now on, for what is open and for what comes. Whoever is refused is reset. */
  set(traffic: Traffic): void {
    this.#traffic = traffic
    for (const pair of this.#pairs) this.#apply(pair)
  }

  async close(): Promise<void> {
    this.set('refuse')
    this.#listening.close()
    await once(this.#listening, 'close')
  }

  #accept(near: Socket, target: number): void {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true })
    const pair = [near, far] as const
    this.#pairs.add(pair)
    const end = (): void => {
      this.#pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const socket of pair) socket.on('error', end).on('close', end)
    this.#apply(pair)
  }

  #apply([near, far]: readonly [Socket, Socket]): void {
    near.unpipe(far).pause()
    far.unpipe(near).pause()
    if (this.#traffic === 'pass' || this.#traffic === 'mute') near.pipe(far)
    if (this.#traffic === 'pass') far.pipe(near)
    if (this.#traffic !== 'refuse') return
    reset(near)
    reset(far)
  }
}

/** One that is ending already cannot be reset (EINVAL): Node would keep it for ever, and its process alive. */
function reset(socket: Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
