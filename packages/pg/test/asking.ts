import pg from 'pg'
import { Server } from '../../../test/kit/index.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'

/** A server whose catalog is asked by a client that is no session, within a transaction of its own. */
export class Asking {
  readonly ask: Inquiry
  readonly #server: Server
  readonly #client: pg.Client

  private constructor(server: Server, client: pg.Client) {
    this.#server = server
    this.#client = client
    const texts = { rowMode: 'array', types: { getTypeParser: () => String } } as const
    this.ask = async (text) => {
      const answers = (await client.query({ text, ...texts })) as unknown
      const rows = [answers].flat().flatMap((answer) => (answer as pg.QueryArrayResult).rows)
      return { rows, code: undefined }
    }
  }

  static async start(): Promise<Asking> {
    const server = await Server.start()
    const client = new pg.Client({ connectionString: await server.createDatabase() })
    await client.connect()
    return new Asking(server, client)
  }

  /** What is read of a database in which that was defined; nothing of it stays. */
  async with<T>(sql: string, read: (ask: Inquiry) => Promise<T>): Promise<T> {
    await this.#client.query('BEGIN')
    try {
      await this.#client.query(sql)
      return await read(this.ask)
    } finally {
      await this.#client.query('ROLLBACK')
    }
  }

  async dispose(): Promise<void> {
    await this.#client.end()
    await this.#server.dispose()
  }
}
