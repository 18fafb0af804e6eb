import { execFile } from 'node:child_process'
import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Account } from '../../kit/binaries.ts'
import { freePort } from '../../kit/free-port.ts'
import { Daemon } from './daemon.ts'
import { configurationOf } from './patroni.ts'
import { processesIn, signalAll } from './processes.ts'
import type { Programs } from './programs.ts'
import { Relay } from './relay.ts'

/** What all members of a cluster have in common. */
export interface Site {
  readonly base: string
  readonly account: Account
  readonly programs: Programs
  /** Where etcd listens. */
  readonly etcd: number
}

/** One machine of a cluster: Patroni, the PostgreSQL that it runs, and the network to both. */
export class Member {
  readonly name: string
  /** Everything that runs on this machine works in here. */
  readonly directory: string
  /** Where Patroni's REST interface is. */
  readonly rest: number
  /** Where PostgreSQL itself listens. */
  readonly port: number
  /** What its clients come through. */
  readonly front: Relay
  /** What its standbys come through. */
  readonly replication: Relay
  readonly #site: Site
  #patroni: Daemon | undefined

  private constructor(
    site: Site,
    name: string,
    ports: { port: number; rest: number },
    relays: { front: Relay; replication: Relay },
  ) {
    this.#site = site
    this.name = name
    this.directory = join(site.base, name)
    this.port = ports.port
    this.rest = ports.rest
    this.front = relays.front
    this.replication = relays.replication
  }

  /** Sets one up; nothing runs on it yet. */
  static async create(site: Site, name: string): Promise<Member> {
    const ports = { port: await freePort(), rest: await freePort() }
    const relays = {
      front: await Relay.start(ports.port),
      replication: await Relay.start(ports.port),
    }
    const member = new Member(site, name, ports, relays)
    await ownDirectory(member.directory, site.account)
    await writeFile(join(member.directory, 'patroni.yml'), configurationOf(member, site))
    return member
  }

  /** Starts Patroni, which starts PostgreSQL. */
  start(): void {
    const { programs, account } = this.#site
    this.#patroni = Daemon.start({
      program: programs.patroni,
      args: [join(this.directory, 'patroni.yml')],
      directory: this.directory,
      account,
      path: programs.postgres,
    })
  }

  /** Whether Patroni says that this is the primary now. */
  async isPrimary(): Promise<boolean> {
    return (await this.ask('/primary').catch(() => undefined))?.status === 200
  }

  /** Asks Patroni's REST interface. */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    const signal = AbortSignal.timeout(init.method === undefined ? 1500 : 60_000)
    return fetch(`http://127.0.0.1:${this.rest}${path}`, { signal, ...init })
  }

  /** Kills Patroni alone: PostgreSQL goes on, and nobody looks after it. */
  killPatroni(): void {
    this.#patroni?.kill()
  }

  /** The power fails: everything that runs here is gone at once. */
  kill(): void {
    this.freeze()
    signalAll(processesIn(this.directory), 'SIGKILL')
  }

  /** Everything that runs here stands still; its sockets stay open. */
  freeze(): void {
    signalAll(processesIn(this.directory), 'SIGSTOP')
  }

  /**
   * PostgreSQL goes on where it stood; Patroni is started anew. Patroni that was frozen itself (3.0.2 with etcd)
   * takes the lead back from its successor, and the cluster throws away what was committed meanwhile, synchronous
   * replication or not: what a watchdog is for, which resets such a machine.
   */
  thaw(): void {
    this.killPatroni()
    signalAll(processesIn(this.directory), 'SIGCONT')
    this.start()
  }

  /** Copies the data directory as a crash at this moment would leave it. */
  async copyData(to: string): Promise<void> {
    const data = join(this.directory, 'data')
    const running = processesIn(data)
    signalAll(running, 'SIGSTOP')
    try {
      await promisify(execFile)('cp', ['-a', '--reflink=auto', data, to])
    } finally {
      signalAll(running, 'SIGCONT')
    }
  }

  /** The last words of Patroni. */
  lastWords(): string {
    return this.#patroni?.lastWords() ?? ''
  }

  async close(): Promise<void> {
    await Promise.all([this.front.close(), this.replication.close()])
  }
}

/** An empty directory that belongs to that account. */
export async function ownDirectory(path: string, { uid, gid }: Account): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await mkdir(path)
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
}
