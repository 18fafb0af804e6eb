import { Client, type QueryResultRow } from 'pg'

/** The drill's own application_name. */
export const application = 'reprise-drill'

/** How long the server may take to let us in or to answer, in milliseconds. */
const patience = 10_000

/** One connection to the database, made again when it is gone. It belongs to nobody but the drill. */
export class Server {
  readonly #url: string
  #client: Client | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** Where it is, without the password. */
  get place(): string {
    const { host, port, database } = this.#client ?? new Client(this.#url)
    return `${host}:${port}/${database ?? ''}`
  }

  /** The connection; a new one where there is none. */
  async client(): Promise<Client> {
    if (this.#client !== undefined) return this.#client
    const client = new Client({
      connectionString: this.#url,
      application_name: application,
      connectionTimeoutMillis: patience,
      query_timeout: patience,
    })
    client.on('error', () => this.#forget(client))
    await client.connect()
    this.#client = client
    return client
  }

  /** Executes a statement. A connection on which one failed for want of a server is forgotten. */
  async rows<R extends QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
    const client = await this.client()
    try {
      return (await client.query<R>(text, values)).rows
    } catch (error) {
      if (typeof (error as { severity?: unknown }).severity !== 'string') this.#forget(client)
      throw error
    }
  }

  /** Says goodbye. */
  async end(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
  }

  #forget(client: Client): void {
    if (this.#client === client) this.#client = undefined
    client.end().catch(() => undefined)
  }
}
