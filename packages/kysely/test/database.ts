import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { until } from '../../../test/kit/index.ts'

/** A database of a test file's own on the shared server, and the means to harm whoever is connected to it. */
export class Database {
  readonly url: string
  readonly #admin: pg.Client

  private constructor(url: string, admin: pg.Client) {
    this.url = url
    this.#admin = admin
  }

  static async create(serverUrl: string): Promise<Database> {
    const name = `kysely_${randomBytes(6).toString('hex')}`
    const server = new pg.Client({ connectionString: serverUrl })
    await server.connect()
    await server.query(`create database ${name}`)
    await server.end()
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    const admin = new pg.Client({ connectionString: url.href })
    await admin.connect()
    await admin.query(`
      create table account (id int primary key, balance bigint not null);
      create table entry (id serial primary key, token text not null, amount int not null);
      insert into account select id, 100 from generate_series(1, 4) id`)
    return new Database(url.href, admin)
  }

  /** As an outsider, in autocommit. */
  async sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return (await this.#admin.query(text, values)).rows
  }

  /** Terminates one backend; resolves when it is gone. */
  async kill(pid: number): Promise<void> {
    await this.#admin.query('select pg_terminate_backend($1, 10000)', [pid])
  }

  /** Terminates all backends but our own that are at something like this; resolves when they are gone. */
  async killAll(where: string = 'true'): Promise<number> {
    const { rowCount } = await this.#admin.query(
      `select pg_terminate_backend(pid, 10000) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and ${where}`,
    )
    return rowCount ?? 0
  }

  /** Terminates whoever waits in an open transaction; resolves when one at least is gone. */
  async killIdleInTransaction(): Promise<void> {
    await until(() => this.killAll(`state like 'idle in transaction%'`))
  }

  /** How often this token was entered. */
  async count(token: string): Promise<number> {
    const [row] = await this.sql('select count(*)::int as n from entry where token = $1', [token])
    return Number(row?.n)
  }

  close(): Promise<void> {
    return this.#admin.end()
  }
}
