import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { Admin } from './admin.ts'
import { backUp } from './backup.ts'
import type { Version } from './binaries.ts'
import { Cluster } from './cluster.ts'
import { freePort } from './free-port.ts'
import { Log } from './log.ts'
import { Postmaster, type StopMode } from './postmaster.ts'
import { parentOf } from './processes.ts'
import { until } from './until.ts'

/** How a server is set up. */
export interface ServerOptions {
  /** The major version. Default 18. */
  readonly version?: Version | undefined
  /** Lines of postgresql.conf, over the kit's own. */
  readonly settings?: Record<string, string> | undefined
  /** More arguments for initdb. */
  readonly initdb?: string[] | undefined
  /** Whether it talks TLS to whoever asks for that, by a certificate of nobody's. */
  readonly tls?: boolean | undefined
  /** Called with each line that the server writes to its log. */
  readonly log?: ((line: string) => void) | undefined
}

const defaults: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  max_prepared_transactions: '10',
  shared_buffers: '32MB',
  // It only matters when the operating system itself dies, and costs most of the time.
  fsync: 'off',
}

/**
 * A real PostgreSQL server with a data directory, a port and a life of its own. It is stopped and its
 * directory removed by dispose(), and at the latest when this process ends, however it ends.
 */
export class Server {
  /** Always the loopback interface. */
  readonly host = '127.0.0.1'
  /** The same through all restarts. */
  readonly port: number
  /** The superuser's own database; no password is asked. */
  readonly url: string
  /** The data directory. */
  readonly directory: string
  readonly #version: Version
  readonly #cluster: Cluster
  readonly #log: Log
  readonly #admin: Admin
  readonly #frozen: Set<number> = new Set()
  #postmaster: Postmaster
  #disposed: Promise<void> | undefined

  private constructor(
    version: Version,
    cluster: Cluster,
    port: number,
    postmaster: Postmaster,
    log: Log,
  ) {
    this.#version = version
    this.#cluster = cluster
    this.#postmaster = postmaster
    this.#log = log
    this.port = port
    this.directory = cluster.data
    this.url = `postgres://postgres@${this.host}:${port}/postgres`
    this.#admin = new Admin(this.url, () => this.running)
  }

  /** Makes a new cluster and starts its server; resolves when it accepts connections. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const log = new Log(options.log)
    const version = options.version ?? '18'
    const cluster = await Cluster.create(version, options.initdb ?? [], log)
    if (options.tls) await cluster.certify()
    const ssl = options.tls ? 'on' : 'off'
    return Server.#launch(version, cluster, { ...defaults, ssl, ...options.settings }, log)
  }

  static async #launch(
    version: Version,
    cluster: Cluster,
    settings: Record<string, string>,
    log: Log,
  ): Promise<Server> {
    try {
      await cluster.configure(settings)
      for (let tries = 1; ; tries++) {
        const port = await freePort()
        try {
          const postmaster = await Postmaster.start(cluster, port, log)
          return new Server(version, cluster, port, postmaster, log)
        } catch (error) {
          // Between our look and its bind, somebody else may have taken the port.
          if (tries === 5 || !String(error).includes('could not bind')) throw error
        }
      }
    } catch (error) {
      await cluster.remove()
      throw error
    }
  }

  /** Makes a hot standby that streams from this server; resolves when it accepts connections. */
  async standby(options: Pick<ServerOptions, 'settings' | 'log'> = {}): Promise<Server> {
    const cluster = await backUp(this.#cluster, this.#version, (text) => this.sql(text))
    const primary_conninfo = `host=${this.host} port=${this.port} user=postgres`
    return Server.#launch(
      this.#version,
      cluster,
      { primary_conninfo, ...options.settings },
      new Log(options.log),
    )
  }

  /** Makes a primary of a standby; resolves when it takes writes. */
  async promote(): Promise<void> {
    await this.sql('select pg_promote(true, 60)')
    // A restart would make it one again.
    await rm(join(this.directory, 'standby.signal'), { force: true })
  }

  /** Whether its main process is there (it may still be recovering from a crash). */
  get running(): boolean {
    return this.#postmaster.alive
  }

  /** The process id of the main process. */
  get pid(): number {
    return this.#postmaster.pid
  }

  /**
   * The rows of one statement, as superuser in the database `postgres`. It has a connection of its own,
   * which is opened again when it was lost, waiting for a server that recovers.
   */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return this.#admin.sql(text, values)
  }

  /** Creates a database and returns its url. The name is a random one by default. */
  async createDatabase(name: string = `test_${randomBytes(6).toString('hex')}`): Promise<string> {
    await this.sql(`create database ${pg.escapeIdentifier(name)}`)
    const url = new URL(this.url)
    url.pathname = `/${encodeURIComponent(name)}`
    return url.href
  }

  /**
   * Changes a setting of the whole server; resolves when new sessions have it. One that only a restart
   * can change is written, and is there after the next restart.
   */
  async set(name: string, value: string): Promise<void> {
    const setting = name.split('.').map(pg.escapeIdentifier).join('.')
    await this.sql(`alter system set ${setting} = ${pg.escapeLiteral(value)}`)
    // This session is told by the postmaster, after the postmaster itself has read the files.
    const [before] = await this.sql('select pg_conf_load_time()::text as at, pg_reload_conf()')
    const reloaded = async () => {
      const rows = await this.sql('select pg_conf_load_time() <> $1 as yes', [before?.at])
      return rows[0]?.yes
    }
    await until(reloaded, { what: `${name} to be reloaded` })
  }

  /** Stops the server; resolves when its process is gone. One that is stopped already stays so. */
  async stop(mode: StopMode): Promise<void> {
    // Our own connection would keep a smart stop waiting.
    await this.#admin.close()
    await this.#postmaster.stop(mode)
  }

  /** Starts it again on the same port and data; resolves when it accepts connections. */
  async start(): Promise<void> {
    if (this.#disposed) throw new Error('The server was disposed of')
    if (this.running) return
    this.#frozen.clear()
    this.#postmaster = await Postmaster.start(this.#cluster, this.port, this.#log)
  }

  /** Stops and starts it. */
  async restart(mode: StopMode): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  /** pg_terminate_backend: whether there was such a backend to send the signal to. */
  async terminate(pid: number): Promise<boolean> {
    const rows = await this.sql('select pg_terminate_backend($1) as sent', [pid])
    return rows[0]?.sent === true
  }

  /** Kills one process of this server like a crash: all others are thrown out, and it recovers. */
  sigkill(pid: number): void {
    this.#signal(pid, 'SIGKILL')
  }

  /** Stops one process of this server in its tracks: its sockets stay open and silent. */
  freeze(pid: number): void {
    this.#signal(pid, 'SIGSTOP')
    this.#frozen.add(pid)
  }

  /** Lets a frozen process go on. */
  thaw(pid: number): void {
    this.#signal(pid, 'SIGCONT')
    this.#frozen.delete(pid)
  }

  /** The last lines of its log, oldest first. */
  logTail(): string[] {
    return this.#log.tail()
  }

  /** Stops it at once and removes its directory. Asking twice does no harm. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  async #dispose(): Promise<void> {
    // A frozen process does not hear that it shall go, and the others would wait for it.
    for (const pid of this.#frozen) if (this.#isOurs(pid)) process.kill(pid, 'SIGCONT')
    await this.stop('immediate')
    await this.#cluster.remove()
  }

  #isOurs(pid: number): boolean {
    return this.running && parentOf(pid) === this.pid
  }

  // Nobody else's process may ever be hit, not even by a pid that has been handed out again.
  #signal(pid: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.#isOurs(pid)) throw new Error(`Process ${pid} is no backend of this server`)
    process.kill(pid, signal)
  }
}
