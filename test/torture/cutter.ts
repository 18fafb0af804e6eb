import type { Action, Proxy } from '../kit/index.ts'
import type { Fault } from './recurring.ts'

/**
 * Cuts connections at whatever frame comes by when the time is up: half of them with an RST, and half by dropping the
 * reply. Then the server does all that it was told, and nobody hears of it.
 */
export class Cutter implements Fault {
  readonly #proxy: Proxy
  readonly #everyMs: number
  readonly #random: () => number
  #next = 0
  #cuts = 0
  #stopListening = (): void => {}

  constructor(proxy: Proxy, everyMs: number, random: () => number) {
    this.#proxy = proxy
    this.#everyMs = everyMs
    this.#random = random
  }

  start(): void {
    this.#wait()
    this.#stopListening = this.#proxy.onFrame(() => this.#judge())
  }

  async stop(): Promise<number> {
    this.#stopListening()
    return this.#cuts
  }

  #judge(): Action {
    if (performance.now() < this.#next) return 'pass'
    this.#wait()
    this.#cuts++
    return this.#random() < 0.5 ? 'reset' : 'swallow'
  }

  #wait(): void {
    this.#next = performance.now() + this.#everyMs * (0.5 + this.#random())
  }
}
