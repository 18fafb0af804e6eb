import { type RepriseOptions, reprise } from '@reprise/pg'
import pg from 'pg'
import { Server } from '../../../test/kit/index.ts'

/** A server with roles as a staging database has them; who has which is in their names. */
export class Staging {
  readonly server: Server

  private constructor(server: Server) {
    this.server = server
  }

  static async start(): Promise<Staging> {
    const server = await Server.start()
    for (const sql of [
      'CREATE ROLE app LOGIN',
      'CREATE ROLE other LOGIN',
      'CREATE ROLE replicator LOGIN REPLICATION',
      'CREATE ROLE boss LOGIN SUPERUSER NOREPLICATION',
      'CREATE ROLE signaller LOGIN IN ROLE pg_signal_backend',
      'CREATE ROLE observer LOGIN IN ROLE pg_signal_backend, pg_read_all_stats',
      'CREATE ROLE nobody LOGIN',
      'GRANT CREATE ON SCHEMA public TO app',
    ]) {
      await server.sql(sql)
    }
    return new Staging(server)
  }

  /** The database as a role sees it. */
  url(role: string, database = 'postgres'): string {
    return `postgres://${role}@${this.server.host}:${this.server.port}/${database}`
  }

  /** A client that notices nothing but the end of its connection. */
  async client(role: string, applicationName: string, database?: string): Promise<Held> {
    const client = new pg.Client({
      connectionString: this.url(role, database),
      application_name: applicationName,
    })
    const held = { client, ended: false }
    client.on('error', () => undefined)
    client.on('end', () => {
      held.ended = true
    })
    await client.connect()
    return held
  }

  /** A pool as an application has it, with Reprise or without. */
  pool(options: RepriseOptions | false, max = 4): pg.Pool {
    const pool = new pg.Pool({
      connectionString: this.url('app'),
      application_name: 'shop',
      max,
      ...(options === false ? {} : reprise({ backoff: { base: 1, cap: 20 }, ...options })),
    })
    pool.on('connect', (client) => client.on('error', () => undefined))
    return pool.on('error', () => undefined)
  }
}

/** A client, and whether its connection has ended. */
export interface Held {
  readonly client: pg.Client
  ended: boolean
}

/** Transactions until it is told to stop. */
export class Load {
  done = 0
  readonly errors: unknown[] = []
  #stopping = false
  readonly #lanes: Promise<void>[]

  constructor(pool: pg.Pool, lanes: number) {
    this.#lanes = Array.from({ length: lanes }, () => this.#work(pool))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#lanes)
  }

  async #work(pool: pg.Pool): Promise<void> {
    while (!this.#stopping) {
      let client: pg.PoolClient | undefined
      try {
        client = await pool.connect()
        await client.query('BEGIN')
        await client.query('SELECT pg_sleep(0.01)')
        await client.query('COMMIT')
        this.done += 1
        client.release()
      } catch (error) {
        this.errors.push(error)
        client?.release(true)
      }
    }
  }
}
