import {
  createDatabase,
  type Frame,
  OwnDatabase,
  Proxy as WireProxy,
} from '../../../test/kit/index.ts'

/** What is done to a connection at a chosen statement. */
export type Fault = 'kill' | 'cut' | 'down'

/** The faults that a session mends. */
export const faults: readonly Fault[] = ['kill', 'cut']

/**
 * A database of a test's own on the shared server, reached through a proxy that knows the backends, so
 * that a fault can happen at a statement and not at a time.
 */
export class Database implements AsyncDisposable {
  /** For the application: through the proxy. */
  readonly url: string
  readonly #inside: OwnDatabase
  readonly #proxy: WireProxy
  readonly #backends: Map<number, number> = new Map()
  /** The statements that passed since the last {@link listen}. */
  statements: string[] = []
  #at: { readonly place: number; readonly fault: Fault } | undefined
  #done = false
  #striking: Promise<unknown> = Promise.resolve()

  private constructor(url: string, inside: OwnDatabase, proxy: WireProxy) {
    this.url = url
    this.#inside = inside
    this.#proxy = proxy
    proxy.onFrame((frame) => this.#see(frame))
  }

  static async create(serverUrl: string): Promise<Database> {
    const inside = new OwnDatabase(await createDatabase(serverUrl))
    const direct = new URL(inside.url)
    const proxy = await WireProxy.start({ host: direct.hostname, port: Number(direct.port) })
    const url = new URL(direct)
    url.port = String(proxy.port)
    return new Database(url.href, inside, proxy)
  }

  /** The rows of a statement, on a connection that no fault reaches. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return this.#inside.sql(text, values)
  }

  /** Terminates every backend of the application; resolves with their number when they are gone. */
  killAll(): Promise<number> {
    return this.#inside.killAll()
  }

  /**
   * Begins to count statements, and has the connection end at one of them: its backend is terminated
   * before it arrives, or the network is cut once it was answered, the answer lost. `down` is a kill
   * behind which nobody can connect until {@link refuse} says so.
   */
  listen(place?: number, fault: Fault = 'kill'): void {
    this.statements = []
    this.#done = false
    this.#at = place === undefined ? undefined : { place, fault }
  }

  /** Whether the fault happened. */
  get struck(): boolean {
    return this.#done
  }

  /** Has every connection that is opened from now on wait; returns what lets them go on. */
  hold(): { readonly waiting: () => boolean; readonly release: () => void } {
    let release = (): void => {}
    let waiting = false
    const released = new Promise<'pass'>((resolve) => {
      release = () => resolve('pass')
    })
    const forget = this.#proxy.onFrame(({ type }) => {
      if (type !== 'startup') return 'pass'
      waiting = true
      return released
    })
    void released.then(forget)
    return { waiting: () => waiting, release }
  }

  /** While on, nobody can connect. */
  refuse(on: boolean): void {
    this.#proxy.refuse(on)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#striking
    await this.#proxy.close()
    await this.#inside.close()
  }

  #see({ connection, from, type, body, text }: Frame): Promise<'pass'> | 'swallow' | 'pass' {
    if (type === 'K' && from === 'server') this.#backends.set(connection, body.readInt32BE(0))
    if (from !== 'client' || (type !== 'Q' && type !== 'P') || isWitness(text)) return 'pass'
    this.statements.push(text)
    if (this.#done || this.statements.length - 1 !== this.#at?.place) return 'pass'
    this.#done = true
    if (this.#at.fault === 'cut') return 'swallow'
    if (this.#at.fault === 'down') this.#proxy.refuse(true)
    const killed = this.#inside.kill(Number(this.#backends.get(connection)))
    this.#striking = killed
    return killed.then(() => 'pass')
  }
}

// The session's own: they ride along with the application's statements, or ask what these left.
function isWitness(text: string): boolean {
  const own = [
    'SET LOCAL search_path = pg_catalog, pg_temp;',
    'CAST(pg_catalog.pg_',
    'pg_catalog.pg_backend_pid()',
    'pg_catalog.pg_current_xact_id',
    'pg_listening_channels',
    'pg_catalog.pg_stat_activity',
  ]
  return own.some((words) => text.includes(words))
}
