import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { Admin, adminName } from './admin.ts'

/** Creates a database with a random name, on a server that is known by its url alone; returns its url. */
export async function createDatabase(serverUrl: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client({ connectionString: serverUrl, application_name: adminName })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** A database of a test's own on a shared server, with the means to harm whoever is connected to it. */
export class OwnDatabase {
  readonly url: string
  readonly #admin: Admin

  constructor(url: string) {
    this.url = url
    this.#admin = new Admin(url)
  }

  /** As an outsider, in autocommit. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return this.#admin.sql(text, values)
  }

  /** Terminates one backend; resolves when it is gone. */
  async kill(pid: number): Promise<void> {
    await this.sql('select pg_terminate_backend($1, 10000)', [pid])
  }

  /** Terminates all backends but the kit's own that are like this; resolves with their number when they are gone. */
  async killAll(where: string = 'true'): Promise<number> {
    const killed = await this.sql(
      `select pg_terminate_backend(pid, 10000) from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend'
          and application_name <> $1 and ${where}`,
      [adminName],
    )
    return killed.length
  }

  close(): Promise<void> {
    return this.#admin.close()
  }
}
