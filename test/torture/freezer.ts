import { setTimeout as sleep } from 'node:timers/promises'
import type { Server, Proxy as WireProxy } from '../kit/index.ts'

const longestMs = 800

/** Lets a random backend, or the network to it, stand still for a moment: a silence that is no end. */
export class Freezer {
  readonly #server: Server
  readonly #proxy: WireProxy
  readonly #database: string
  readonly #random: () => number

  constructor(server: Server, proxy: WireProxy, database: string, random: () => number) {
    this.#server = server
    this.#proxy = proxy
    this.#database = database
    this.#random = random
  }

  /** Freezes one, and thaws it; answers whether there was one. */
  freeze(): Promise<boolean> {
    return this.#random() < 0.5 ? this.#backend() : this.#network()
  }

  async #backend(): Promise<boolean> {
    try {
      const [victim] = await this.#server.sql(
        'select pid from pg_stat_activity where datname = $1 order by random() limit 1',
        [this.#database],
      )
      if (victim === undefined) return false
      const pid = Number(victim.pid)
      this.#server.freeze(pid)
      await this.#aWhile()
      this.#server.thaw(pid)
      return true
    } catch {
      // The server is down, or that backend is gone.
      return false
    }
  }

  /** Half of the frozen connections come to life again; the other half turn out to be dead. */
  async #network(): Promise<boolean> {
    const { connections } = this.#proxy
    const connection = connections[Math.floor(this.#random() * connections.length)]
    if (connection === undefined) return false
    connection.freeze()
    await this.#aWhile()
    connection.thaw()
    if (this.#random() < 0.5) connection.reset()
    return true
  }

  #aWhile(): Promise<void> {
    return sleep(this.#random() * longestMs)
  }
}
