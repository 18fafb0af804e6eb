import pg from 'pg'
import { until } from './until.ts'

/** The application_name of the kit's own connections: the killer spares them. */
export const adminName = 'reprise-kit'

/**
 * A connection of the kit's own to one database, opened when needed and opened again when lost.
 * While the server is not up (starting, recovering) it waits for it.
 */
export class Admin {
  readonly url: string
  readonly #expected: () => boolean
  #opened: Promise<pg.Client> | undefined

  /** @param expected whether the server is meant to be up, so that waiting for it makes sense */
  constructor(url: string, expected: () => boolean = () => true) {
    this.url = url
    this.#expected = expected
  }

  /**
   * The rows of one statement. A connection that was lost before is replaced first; a loss during the
   * statement itself is an error, because a statement of the kit must not run twice either.
   */
  async sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    const client = await this.#alive()
    const result = values ? await client.query(text, values) : await client.query(text)
    // Several statements in one text give an array of results.
    return (Array.isArray(result) ? result.at(-1) : result).rows
  }

  /** Closes the connection; a later statement opens a new one. */
  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.then((client) => client.end()).catch(() => {})
  }

  // Asked with an empty statement, because a connection that died a moment ago still looks alive.
  async #alive(): Promise<pg.Client> {
    for (;;) {
      this.#opened ??= this.#open()
      const opened = this.#opened
      try {
        const client = await opened
        await client.query('')
        return client
      } catch (error) {
        if (this.#opened === opened) this.#opened = undefined
        if (!isLoss(error) || !this.#expected()) throw error
      }
    }
  }

  #open(): Promise<pg.Client> {
    const what = `a connection to ${this.url}`
    return until(() => this.#try(), { what, timeoutMs: 30_000 })
  }

  async #try(): Promise<pg.Client | undefined> {
    if (!this.#expected()) throw new Error(`The server of ${this.url} is stopped`)
    const client = new pg.Client({ connectionString: this.url, application_name: adminName })
    client.on('error', () => {
      this.#forget(client)
    })
    try {
      await client.connect()
      return client
    } catch (error) {
      client.end().catch(() => {})
      if (isLoss(error)) return undefined
      throw error
    }
  }

  #forget(client: pg.Client): void {
    const opened = this.#opened
    opened?.then(
      (current) => {
        if (current === client && this.#opened === opened) this.#opened = undefined
      },
      () => {},
    )
  }
}

// A statement that the server refused has a SQLSTATE of another class; a lost connection has a
// system error, one of these classes, or only pg's own words.
function isLoss(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return typeof code !== 'string' || /^(57P|08|53300|E[A-Z]{3,})/.test(code)
}
