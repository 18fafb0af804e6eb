import { randomBytes } from 'node:crypto'
import type { RepriseOptions } from '@reprise/core'
import { Bouncer, type Tokens } from '../../kit/index.ts'
import type { Ground } from '../../lanes/experiment.ts'
import type { DeadServer } from './dead-server.ts'
import type { Mode, PatroniCluster } from './patroni-cluster.ts'

/** What clients connect to. */
export const doors = ['haproxy', 'pgbouncer', 'pgbouncer-transaction', 'hosts'] as const

export type Door = (typeof doors)[number]

const none: Tokens = new Set()

/** A cluster as the ground of one experiment, with databases that go with it. */
export class ClusterGround implements Ground {
  readonly host = '127.0.0.1'
  readonly running = true
  /** Where its clients connect, unless they are told otherwise by {@link options}. */
  readonly port: number
  /** What clients with Reprise are told of the way in. */
  readonly options: RepriseOptions
  /** How often the fault makes the cluster fail over. */
  planned = 0
  /** What is left of the primary that died. */
  dead: DeadServer | undefined
  readonly #cluster: PatroniCluster
  readonly #mode: Mode
  readonly #bouncer: Bouncer | undefined
  readonly #places: readonly number[]
  readonly #databases: string[] = []
  readonly #began: number
  #failovers: Promise<number> | undefined

  private constructor(
    cluster: PatroniCluster,
    mode: Mode,
    door: Door,
    bouncer: Bouncer | undefined,
    began: number,
  ) {
    this.#cluster = cluster
    this.#mode = mode
    this.#bouncer = bouncer
    this.#began = began
    this.#places =
      door === 'hosts'
        ? cluster.members.map(({ front }) => front.port)
        : [bouncer?.port ?? cluster.port]
    const hosts = this.#places.map((port) => `${this.host}:${port}`)
    this.options = door === 'hosts' ? { hosts, target: 'primary' } : {}
    this.port = bouncer?.port ?? cluster.port
  }

  static async on(cluster: PatroniCluster, mode: Mode, door: Door): Promise<ClusterGround> {
    const target = { host: '127.0.0.1', port: cluster.port }
    const pool_mode = door === 'pgbouncer-transaction' ? 'transaction' : 'session'
    const settings = { default_pool_size: 20, server_login_retry: 0.2, pool_mode }
    const bounced = door === 'pgbouncer' || door === 'pgbouncer-transaction'
    const bouncer = bounced ? await Bouncer.start(target, settings) : undefined
    return new ClusterGround(cluster, mode, door, bouncer, await cluster.timeline())
  }

  /** Every way to that database, one of which leads to the primary. */
  ways(database: string): readonly string[] {
    return this.#places.map((port) => {
      const url = new URL(database)
      url.port = String(port)
      return url.href
    })
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

  /** How often the cluster has failed over, once it is well again. */
  failovers(): Promise<number> {
    this.#failovers ??= this.#cluster
      .settled(this.#mode)
      .then(() => this.#cluster.timeline())
      .then((timeline) => timeline - this.#began)
    return this.#failovers
  }

  /**
   * What primaries took with them; under synchronous replication that excuses nobody. Where the cluster failed over
   * more often than it was made to, as it does on a machine that is too busy, nobody kept what the others had.
   */
  async lost(database: string): Promise<Tokens> {
    const unplanned = (await this.failovers()) > this.planned
    if (this.#mode === 'sync') return none
    if (unplanned) return { has: () => true }
    return (await this.dead?.tokens(database)) ?? none
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dead?.dispose()
    await this.#bouncer?.close()
    for (const name of this.#databases) {
      await this.sql(`drop database if exists ${name} with (force)`)
    }
  }
}
