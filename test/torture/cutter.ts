import type { Action, Frame, Proxy as WireProxy } from '../kit/index.ts'
import type { Fault } from './recurring.ts'

/**
 * The proxy ends a connection whose reply it has dropped when the reply is complete. One that will not be complete,
 * since the client waits in the middle of it, is ended after this long.
 */
const patienceMs = 100

/**
 * Cuts connections at whatever frame comes by when the time is up: half of them with an RST, and half by dropping the
 * reply. Then the server does all that it was told, and nobody hears of it.
 */
export class Cutter implements Fault {
  readonly #proxy: WireProxy
  readonly #everyMs: number
  readonly #random: () => number
  #next = 0
  #cuts = 0
  #stopListening = (): void => {}

  constructor(proxy: WireProxy, everyMs: number, random: () => number) {
    this.#proxy = proxy
    this.#everyMs = everyMs
    this.#random = random
  }

  start(): void {
    this.#wait()
    this.#stopListening = this.#proxy.onFrame((frame) => this.#judge(frame))
  }

  async stop(): Promise<number> {
    this.#stopListening()
    return this.#cuts
  }

  #judge({ connection }: Frame): Action {
    const late = performance.now() - this.#next
    if (late < 0) return 'pass'
    this.#wait()
    // While the server was down nothing came by. A network does not save its cuts up for whoever knocks
    // first: then a lone prober would lose every connection, and never learn that the server is back.
    if (late > this.#everyMs) return 'pass'
    this.#cuts++
    if (this.#random() < 0.5) return 'reset'
    setTimeout(() => this.#end(connection), patienceMs)
    return 'swallow'
  }

  #end(connection: number): void {
    this.#proxy.connections.find(({ id }) => id === connection)?.reset()
  }

  #wait(): void {
    this.#next = performance.now() + this.#everyMs * (0.5 + this.#random())
  }
}
