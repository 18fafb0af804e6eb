import { diagnose, outsideUnit } from '@reprise/core'
import type {
  Abortable,
  CompileQuery,
  KyselyConnection,
  KyselyDriver,
  Pool,
  PoolClient,
  TransactionSettings,
} from './dialect.ts'
import { Lease } from './lease.ts'

/** Where the client of a checkout under way is put. */
interface Slot {
  client: PoolClient | undefined
}

/**
 * Kysely's driver, with one promise more: whatever fails, the client goes back to the pool. The Kysely
 * that MikroORM pins never gives back the client of a failed BEGIN, COMMIT or ROLLBACK, or of a failed
 * hook.
 */
export class LeasingDriver implements KyselyDriver {
  readonly #driver: KyselyDriver
  readonly #pool: Pool
  #slot: Slot | undefined

  constructor(driver: KyselyDriver, pool: Pool) {
    this.#driver = driver
    this.#pool = pool
    const connect = pool.connect as unknown as (callback?: unknown) => Promise<PoolClient>
    pool.connect = ((callback?: unknown) => {
      const slot = this.#slot
      this.#slot = undefined
      const connecting = connect.call(pool, callback)
      return slot === undefined
        ? connecting
        : connecting.then((client) => {
            slot.client = client
            return client
          })
    }) as unknown as typeof pool.connect
  }

  init(options?: Abortable): Promise<void> {
    return this.#driver.init(options)
  }

  async acquireConnection(options?: Abortable): Promise<Lease> {
    const slot: Slot = { client: undefined }
    // Kysely's driver asks the pool before anything else, so no other checkout can come between.
    this.#slot = slot
    try {
      const connection = await outsideUnit(() => this.#driver.acquireConnection(options))
      return new Lease(connection, slot.client as PoolClient, this.#pool)
    } catch (error) {
      // A hook failed: this client is not what the application wants its clients to be.
      slot.client?.release(true)
      throw error
    }
  }

  async beginTransaction(
    connection: KyselyConnection,
    settings: TransactionSettings,
  ): Promise<void> {
    const lease = connection as Lease
    try {
      await this.#driver.beginTransaction(lease.inner, settings)
    } catch (error) {
      await this.#giveBack(lease, error)
      throw error
    }
  }

  async commitTransaction(connection: KyselyConnection): Promise<void> {
    const lease = connection as Lease
    if (lease.refusal !== undefined) throw lease.refusal
    try {
      await this.#driver.commitTransaction(lease.inner)
    } catch (error) {
      // Whatever became of it, the transaction is over. Other errors leave a ROLLBACK to be sent.
      if (diagnose(error) !== undefined) await this.#giveBack(lease, error)
      throw error
    }
  }

  async rollbackTransaction(connection: KyselyConnection): Promise<void> {
    const lease = connection as Lease
    if (lease.refusal !== undefined) return
    try {
      await lease.rollback(() => this.#driver.rollbackTransaction(lease.inner))
    } catch (error) {
      await this.#giveBack(lease, error)
      // A ROLLBACK that is lost is done; its error would hide why there is one.
      if (diagnose(error) === undefined) throw error
    }
  }

  async savepoint(
    connection: KyselyConnection,
    name: string,
    compile: CompileQuery,
  ): Promise<void> {
    await this.#driver.savepoint?.(reached(connection), name, compile)
  }

  async rollbackToSavepoint(
    connection: KyselyConnection,
    name: string,
    compile: CompileQuery,
  ): Promise<void> {
    await this.#driver.rollbackToSavepoint?.(reached(connection), name, compile)
  }

  async releaseSavepoint(
    connection: KyselyConnection,
    name: string,
    compile: CompileQuery,
  ): Promise<void> {
    await this.#driver.releaseSavepoint?.(reached(connection), name, compile)
  }

  releaseConnection(connection: KyselyConnection): Promise<void> {
    return this.#giveBack(connection as Lease)
  }

  destroy(options?: Abortable): Promise<void> {
    return this.#driver.destroy(options)
  }

  async #giveBack(lease: Lease, cause?: unknown): Promise<void> {
    if (lease.end(cause)) await this.#driver.releaseConnection(lease.inner)
  }
}

function reached(connection: KyselyConnection): KyselyConnection {
  const { inner, refusal } = connection as Lease
  if (refusal !== undefined) throw refusal
  return inner
}
