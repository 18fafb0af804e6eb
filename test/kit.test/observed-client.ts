import pg from 'pg'

/** A plain client that records what befalls it. */
export class ObservedClient extends pg.Client {
  readonly codes: (string | undefined)[] = []
  readonly notices: (string | undefined)[] = []
  /** Resolves when the connection is over. */
  readonly over: Promise<void>

  constructor(url: string) {
    super({ connectionString: url })
    this.on('error', (error: Error & { code?: string }) => this.codes.push(error.code))
    this.on('notice', (notice) => this.notices.push(notice.code))
    this.over = new Promise((resolve) => this.once('end', () => resolve()))
  }

  static async open(url: string): Promise<ObservedClient> {
    const client = new ObservedClient(url)
    await client.connect()
    return client
  }

  /** The process id of its backend. */
  async backend(): Promise<number> {
    const { rows } = await this.query('select pg_backend_pid() as pid')
    return rows[0].pid
  }
}
