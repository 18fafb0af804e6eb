import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { until } from '../../kit/index.ts'

const pauseMs = 25
const patienceMs = 1000
const steadyMs = 1500

/**
 * What recovery is measured against: plain node-postgres that does nothing but connect, write a row and disconnect,
 * again and again, without any regard for the server. Where several servers may be the primary, one for each of them.
 */
export class ReconnectLoop {
  /** When it succeeded, in order. */
  readonly successes: number[] = []
  readonly #urls: readonly string[]
  readonly #clock: () => number
  #stopped = false
  #done: Promise<unknown> = Promise.resolve()

  /** @param urls the ways to a database that has a table `probe (id int)` */
  constructor(urls: readonly string[], clock: () => number) {
    this.#urls = urls
    this.#clock = clock
  }

  start(): void {
    this.#done = Promise.all(this.#urls.map((url) => this.#run(url)))
  }

  /** Waits until it goes smoothly, and has since `from`. */
  async steady(from: number): Promise<void> {
    const smooth = (): boolean => {
      const since = this.#clock() - steadyMs
      return since > from && this.successes.filter((at) => at > since).length > 5
    }
    await until(smooth, { what: 'the reconnect loop to reach the primary', timeoutMs: 120_000 })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #run(url: string): Promise<void> {
    while (!this.#stopped) {
      if (await this.#once(url)) this.successes.push(this.#clock())
      await sleep(pauseMs)
    }
  }

  async #once(url: string): Promise<boolean> {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: patienceMs,
      query_timeout: patienceMs,
    })
    client.on('error', () => {})
    const late = sleep(2 * patienceMs, false)
    try {
      return await Promise.race([write(client), late])
    } catch {
      return false
    } finally {
      client.end().catch(() => {})
      const { stream } = client as unknown as { stream?: { destroy(): void } }
      stream?.destroy()
    }
  }
}

async function write(client: pg.Client): Promise<boolean> {
  await client.connect()
  await client.query('insert into probe values (1)')
  return true
}
