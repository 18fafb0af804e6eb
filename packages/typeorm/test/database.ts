import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database of a test's own on the shared server, with the means to end whoever is connected to it. */
export class Database {
  readonly url: string
  readonly name: string
  readonly #admin: pg.Client

  private constructor(url: string, name: string, admin: pg.Client) {
    this.url = url
    this.name = name
    this.#admin = admin
  }

  static async create(serverUrl: string): Promise<Database> {
    const name = `typeorm_${randomBytes(6).toString('hex')}`
    const admin = new pg.Client({ connectionString: serverUrl, application_name: 'test admin' })
    await admin.connect()
    await admin.query(`create database ${name}`)
    await admin.end()
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    const inside = new pg.Client({ connectionString: url.href, application_name: 'test admin' })
    await inside.connect()
    return new Database(url.href, name, inside)
  }

  async sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return (await this.#admin.query(text, values)).rows
  }

  /** Terminates one backend; resolves when it is gone. */
  async kill(pid: number): Promise<void> {
    await this.#admin.query('select pg_terminate_backend($1, 10000)', [pid])
  }

  /** Terminates all backends but our own; resolves with their number when they are gone. */
  async killAll(where: string = 'true'): Promise<number> {
    const { rowCount } = await this.#admin.query(
      `select pg_terminate_backend(pid, 10000) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and ${where}`,
    )
    return rowCount ?? 0
  }

  close(): Promise<void> {
    return this.#admin.end()
  }
}
