import { randomBytes } from 'node:crypto'
import { Bouncer } from '../../kit/index.ts'
import type { Ground } from '../../lanes/experiment.ts'
import type { DeadServer } from './dead-server.ts'
import type { Mode, PatroniCluster } from './patroni-cluster.ts'

/** What clients connect to. */
export const doors = ['haproxy', 'pgbouncer'] as const

export type Door = (typeof doors)[number]

/** A cluster as the ground of one experiment, with databases that go with it. */
export class ClusterGround implements Ground {
  readonly host = '127.0.0.1'
  readonly running = true
  /** Where its clients connect. */
  readonly port: number
  /** What is left of the primary that died. */
  dead: DeadServer | undefined
  readonly #cluster: PatroniCluster
  readonly #mode: Mode
  readonly #bouncer: Bouncer | undefined
  readonly #databases: string[] = []
  #settled: Promise<void> | undefined

  private constructor(cluster: PatroniCluster, mode: Mode, bouncer: Bouncer | undefined) {
    this.#cluster = cluster
    this.#mode = mode
    this.#bouncer = bouncer
    this.port = bouncer?.port ?? cluster.port
  }

  static async on(cluster: PatroniCluster, mode: Mode, door: Door): Promise<ClusterGround> {
    const target = { host: '127.0.0.1', port: cluster.port }
    const settings = { default_pool_size: 20, server_login_retry: 1 }
    const bouncer = door === 'pgbouncer' ? await Bouncer.start(target, settings) : undefined
    return new ClusterGround(cluster, mode, bouncer)
  }

  async createDatabase(): Promise<string> {
    const name = `torture_${randomBytes(6).toString('hex')}`
    await this.sql(`create database ${name} owner app`)
    this.#databases.push(name)
    return `postgres://app@${this.host}:${this.port}/${name}`
  }

  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return this.#cluster.sql(text, values)
  }

  /** What a primary took with it; under synchronous replication that excuses nobody. */
  async lost(database: string): Promise<ReadonlySet<string>> {
    this.#settled ??= this.#cluster.settled(this.#mode)
    await this.#settled
    if (this.dead === undefined || this.#mode === 'sync') return new Set()
    return await this.dead.tokens(database)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dead?.dispose()
    await this.#bouncer?.close()
    for (const name of this.#databases) {
      await this.sql(`drop database if exists ${name} with (force)`)
    }
  }
}
