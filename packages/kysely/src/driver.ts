import { outsideUnit } from '@reprise/core'
import { type RepriseOptions, reprisePool } from '@reprise/pg'
import {
  type AbortableOperationOptions,
  type DatabaseConnection,
  type Driver,
  PostgresDriver,
  type PostgresPool,
  type QueryCompiler,
  type TransactionSettings,
} from 'kysely'
import { overWith } from './commit.ts'
import type { Config, Pool } from './config.ts'
import { type Control, type Session, SessionConnection } from './connection.ts'
import { Lease } from './lease.ts'

/**
 * Kysely's PostgresDriver on the sessions of a pool. Statements, rows and savepoints stay Kysely's
 * own; what differs is what a lost connection would have broken.
 */
export class SessionDriver implements Driver {
  readonly #config: Config
  readonly #options: RepriseOptions | undefined
  /** Says BEGIN, COMMIT and SAVEPOINT on connections that are not its own. */
  readonly #words: PostgresDriver
  readonly #connections: WeakMap<object, SessionConnection> = new WeakMap()
  #opening: Promise<Pool> | undefined
  #ending: Promise<void> = Promise.resolve()
  #pool: Pool | undefined

  /** @throws TypeError when the pool is none of node-postgres */
  constructor(config: Config, options: RepriseOptions | undefined) {
    this.#config =
      typeof config.pool === 'function'
        ? config
        : { ...config, pool: reprisePool(config.pool, options) }
    this.#options = options
    this.#words = new PostgresDriver({ pool: unused })
  }

  async init(options?: AbortableOperationOptions): Promise<void> {
    this.#opening = this.#open(options)
    this.#pool = await this.#opening
  }

  acquireConnection(options?: AbortableOperationOptions): Promise<DatabaseConnection> {
    return outsideUnit(() => this.#acquire(options))
  }

  async #acquire(options?: AbortableOperationOptions): Promise<DatabaseConnection> {
    const session = (await this.#alive().connect()) as unknown as Session
    try {
      const pool = this.#alive()
      const connection = this.#connections.get(session) ?? (await this.#adopt(session, pool))
      const lease = new Lease(connection)
      if (!connection.created) {
        await this.#config.onCreateConnection?.(lease, options)
        connection.created = true
      }
      await this.#config.onReserveConnection?.(lease, options)
      return lease
    } catch (error) {
      session.release()
      throw error
    }
  }

  async beginTransaction(
    connection: DatabaseConnection,
    settings: TransactionSettings,
  ): Promise<void> {
    await this.#words.beginTransaction(connection, settings)
    const { unit } = Object.assign(held(connection), { inTransaction: true })
    if (unit === undefined || unit.declared) return
    // Kysely calls the callback as soon as this resolves: what else is called later is not it.
    unit.expecting = true
    process.nextTick(() => {
      unit.expecting = false
    })
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await this.#words.commitTransaction(connection)
    } catch (error) {
      held(connection).over = true
      throw overWith(error)
    } finally {
      held(connection).inTransaction = false
    }
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return held(connection).rollback()
  }

  savepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    return this.#words.savepoint(connection, name, compile)
  }

  rollbackToSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    return this.#words.rollbackToSavepoint(connection, name, compile)
  }

  releaseSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    return this.#words.releaseSavepoint(connection, name, compile)
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    held(connection).release()
  }

  /** Ends the pool, once; without a pool there is nothing to end. */
  destroy(): Promise<void> {
    const opening = this.#opening
    if (opening !== undefined) {
      this.#opening = undefined
      this.#ending = this.#end(opening)
    }
    return this.#ending
  }

  async #end(opening: Promise<Pool>): Promise<void> {
    const pool = await opening.catch(() => undefined)
    this.#pool = undefined
    await pool?.end()
  }

  async #open(options?: AbortableOperationOptions): Promise<Pool> {
    const { pool } = this.#config
    return typeof pool === 'function' ? reprisePool(await pool(options), this.#options) : pool
  }

  #alive(): Pool {
    if (this.#pool === undefined) throw new Error('driver has already been destroyed')
    return this.#pool
  }

  /** Has Kysely make its connection for a session that is new to us. */
  async #adopt(session: Session, pool: Pool): Promise<SessionConnection> {
    const { cursor, controlClient } = this.#config
    const { Client, options } = pool as unknown as Control
    const control = { Client: controlClient ?? Client, options }
    const alone: PostgresPool = {
      connect: async () => session,
      end: async () => undefined,
      options,
    }
    const driver = new PostgresDriver(
      cursor === undefined ? { pool: alone } : { pool: alone, cursor },
    )
    await driver.init()
    const connection = new SessionConnection(await driver.acquireConnection(), session, control)
    this.#connections.set(session, connection)
    return connection
  }
}

const unused: PostgresPool = {
  connect: () => Promise.reject(new Error('this pool has no connections')),
  end: async () => undefined,
  options: {},
}

function held(connection: DatabaseConnection): Lease {
  return connection as Lease
}
