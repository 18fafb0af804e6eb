import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin } from '../../kit/admin.ts'
import { openToAll, serverAccount } from '../../kit/binaries.ts'
import { freePort } from '../../kit/free-port.ts'
import { until } from '../../kit/index.ts'
import { Watchdog } from '../../kit/watchdog.ts'
import { Daemon } from './daemon.ts'
import { balancerTo } from './haproxy.ts'
import { Member, ownDirectory, type Site } from './member.ts'
import type { Programs } from './programs.ts'

/** Whether a commit waits until a standby has it, and goes on waiting where there is none. */
export type Mode = 'async' | 'sync'

const names = ['n1', 'n2', 'n3']
const lookAgainMs = 250

interface Seen {
  readonly role: string
  readonly state: string
  readonly timeline?: number
}

/**
 * Three members under Patroni with etcd and HAProxy, in a temporary directory and on free loopback ports. All of it is
 * gone after dispose(), and at the latest with this process, however that ends.
 */
export class PatroniCluster {
  readonly site: Site
  readonly members: readonly Member[]
  /** Where HAProxy leads to the primary. */
  readonly port: number
  readonly #admin: Admin
  readonly #watchdog: Watchdog

  private constructor(site: Site, members: readonly Member[], port: number, watchdog: Watchdog) {
    this.site = site
    this.members = members
    this.port = port
    this.#watchdog = watchdog
    this.#admin = new Admin(`postgres://postgres@127.0.0.1:${port}/postgres`)
  }

  /** Sets one up; resolves when its standbys follow its primary. */
  static async start(programs: Programs, say: (what: string) => void): Promise<PatroniCluster> {
    const account = await serverAccount()
    const parent = account.uid === undefined || (await openToAll(tmpdir())) ? tmpdir() : '/tmp'
    const base = await mkdtemp(join(parent, 'reprise-patroni-'))
    await chmod(base, 0o755)
    const watchdog = new Watchdog(base, 'everything')
    const site: Site = { base, account, programs, etcd: await freePort() }
    const members: Member[] = []
    try {
      await startEtcd(site)
      for (const name of names) members.push(await Member.create(site, name))
      const cluster = new PatroniCluster(
        site,
        members,
        await startBalancer(site, members),
        watchdog,
      )
      await cluster.#startMembers(say)
      return cluster
    } catch (error) {
      const words = members.map((member) => member.lastWords()).join('\n')
      await Promise.all(members.map((member) => member.close()))
      await watchdog.cleanUp()
      throw new Error(`The cluster did not start:\n${words}`, { cause: error })
    }
  }

  /** The rows of one statement on the primary, as superuser in the database `postgres`. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return this.#admin.sql(text, values)
  }

  /** Waits for a primary, other than that member where one is given. */
  primary(other?: Member): Promise<Member> {
    const asked = this.members.filter((member) => member !== other)
    const find = async (): Promise<Member | undefined> => {
      const primaries = await Promise.all(asked.map((member) => member.isPrimary()))
      return asked[primaries.indexOf(true)]
    }
    return until(find, { what: 'a primary', timeoutMs: 90_000 })
  }

  /** Changes whether commits wait for a standby; resolves when all members do it that way. */
  async replicate(mode: Mode): Promise<void> {
    const on = mode === 'sync'
    const body = JSON.stringify({ synchronous_mode: on, synchronous_mode_strict: on })
    const answer = await (await this.primary()).ask('/config', { method: 'PATCH', body })
    if (!answer.ok) throw new Error(`Patroni refused ${mode}: ${await answer.text()}`)
    await this.settled(mode)
  }

  /** The primary's timeline: one more after each failover. */
  async timeline(): Promise<number> {
    const leader = (await this.#members()).find(({ role }) => role === 'leader')
    return leader?.timeline ?? 0
  }

  /** Has Patroni give the leadership to another member. */
  async switchover(from: Member): Promise<void> {
    const body = JSON.stringify({ leader: from.name })
    const answer = await from.ask('/switchover', { method: 'POST', body })
    if (!answer.ok) throw new Error(`Patroni refused the switchover: ${await answer.text()}`)
  }

  /** Waits until the whole cluster is well: every standby follows the primary, and is up to date. */
  async settled(mode: Mode): Promise<void> {
    const look = async (): Promise<boolean> => {
      if (await this.#isWell(mode).catch(() => false)) return true
      await sleep(lookAgainMs)
      return false
    }
    await until(look, { what: `the cluster to be well (${mode})`, timeoutMs: 120_000 })
  }

  async dispose(): Promise<void> {
    await this.#admin.close()
    await this.#watchdog.cleanUp()
    await Promise.all(this.members.map((member) => member.close()))
  }

  async #startMembers(say: (what: string) => void): Promise<void> {
    for (const [at, member] of this.members.entries()) {
      say(`starting ${member.name}, a ${at === 0 ? 'primary' : 'standby'}`)
      member.start()
      if (at === 0) await this.primary()
      else await until(() => this.#follows(member), { what: member.name, timeoutMs: 60_000 })
    }
    await this.settled('async')
    await this.sql('create role app login createdb')
  }

  async #follows({ name }: Member): Promise<boolean> {
    // What is written moves the position that a new standby waits for.
    await this.sql(`select pg_logical_emit_message(false, 'reprise', 'move')`)
    const found = await this.sql(
      `select from pg_stat_replication where application_name = $1 and state = 'streaming'`,
      [name],
    )
    if (found.length === 0) await sleep(lookAgainMs)
    return found.length > 0
  }

  async #members(): Promise<readonly Seen[]> {
    const answer = await (await this.primary()).ask('/cluster')
    return ((await answer.json()) as { members: readonly Seen[] }).members
  }

  async #isWell(mode: Mode): Promise<boolean> {
    const members = await this.#members()
    const roles = members.map(({ role }) => role)
    const states = members.map(({ state }) => state)
    const [row] = await this.sql(
      `select count(*)::int as n from pg_stat_replication
        where state = 'streaming' and pg_current_wal_lsn() - replay_lsn < 1000000`,
    )
    return (
      members.length === names.length &&
      states.every((state) => state === 'running' || state === 'streaming') &&
      new Set(members.map(({ timeline }) => timeline)).size === 1 &&
      roles.includes('leader') &&
      roles.includes('sync_standby') === (mode === 'sync') &&
      row?.n === names.length - 1
    )
  }
}

async function startEtcd({ base, account, programs, etcd }: Site): Promise<void> {
  const directory = join(base, 'etcd')
  await ownDirectory(directory, account)
  const client = `http://127.0.0.1:${etcd}`
  const peer = `http://127.0.0.1:${await freePort()}`
  const args = Object.entries({
    name: 'e1',
    'data-dir': join(directory, 'data'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `e1=${peer}`,
  }).map(([name, value]) => `--${name}=${value}`)
  const daemon = Daemon.start({ program: programs.etcd, args, directory, account })
  const healthy = async (): Promise<boolean> => {
    if (!daemon.alive) throw new Error(`etcd did not start:\n${daemon.lastWords()}`)
    return fetch(`${client}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
  }
  await until(healthy, { what: 'etcd' })
}

async function startBalancer(
  { base, account, programs }: Site,
  members: readonly Member[],
): Promise<number> {
  const directory = join(base, 'haproxy')
  await ownDirectory(directory, account)
  const port = await freePort()
  const file = join(directory, 'haproxy.cfg')
  await writeFile(file, balancerTo(members, port))
  const args = ['-db', '-f', file]
  Daemon.start({ program: programs.haproxy, args, directory, account })
  return port
}
