import { setTimeout as sleep } from 'node:timers/promises'
import { adminName } from './admin.ts'
import { seeded } from './random.ts'
import type { Server } from './server.ts'

/** Whom and how often to kill. */
export interface KillerOptions {
  /** The mean time between kills, in milliseconds. The waits vary from half to one and a half of it. */
  readonly everyMs: number
  /** Only backends of this database, by its name or its url. Default: of any. */
  readonly database?: string | undefined
  /** The same seed makes the same choices. */
  readonly seed?: number | undefined
  /** Where to take chance from, in place of a seed. */
  readonly random?: (() => number) | undefined
}

/**
 * Terminates one random client backend again and again, as an operator would with
 * pg_terminate_backend. The kit's own connections are spared. A server that is down is waited for.
 */
export class Killer {
  readonly #server: Server
  readonly #everyMs: number
  readonly #database: string | undefined
  readonly #random: () => number
  #kills = 0
  #stopping: AbortController | undefined
  #done: Promise<void> = Promise.resolve()

  constructor(server: Server, { everyMs, database, seed, random }: KillerOptions) {
    this.#server = server
    this.#everyMs = everyMs
    this.#database = database?.includes('://') ? nameIn(database) : database
    this.#random = random ?? (seed === undefined ? Math.random : seeded(seed))
  }

  /** How many backends it has killed. */
  get kills(): number {
    return this.#kills
  }

  /** Begins. One that is at it already goes on. */
  start(): void {
    if (this.#stopping) return
    this.#stopping = new AbortController()
    this.#done = this.#run(this.#stopping.signal)
  }

  /** Stops; resolves with the number of kills when no more can happen. */
  async stop(): Promise<number> {
    this.#stopping?.abort()
    await this.#done
    this.#stopping = undefined
    return this.#kills
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = this.#everyMs * (0.5 + this.#random())
      await sleep(wait, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      try {
        if (await this.#kill()) this.#kills++
      } catch {
        // The server is down or has just lost our connection: there is nobody to kill now.
      }
    }
  }

  async #kill(): Promise<boolean> {
    const victims = await this.#server.sql(
      `select pid from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid()
          and application_name <> $1 and ($2::text is null or datname = $2)
        order by pid`,
      [adminName, this.#database ?? null],
    )
    const victim = victims[Math.floor(this.#random() * victims.length)]
    return victim !== undefined && this.#server.terminate(Number(victim.pid))
  }
}

function nameIn(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1))
}
