import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Account, openToAll, serverAccount, usableBinaries, type Version } from './binaries.ts'
import { certificate, key } from './certificate.ts'
import type { Log } from './log.ts'
import { Watchdog } from './watchdog.ts'

/** A data directory, the binaries that fit it, and the account that owns it. */
export class Cluster {
  /** The directory that holds all of it, and is removed with it. */
  readonly base: string
  /** The data directory. */
  readonly data: string
  readonly account: Account
  readonly #bin: string
  readonly #watchdog: Watchdog

  private constructor(base: string, bin: string, account: Account, watchdog: Watchdog) {
    this.base = base
    this.data = join(base, 'data')
    this.account = account
    this.#bin = bin
    this.#watchdog = watchdog
  }

  /** Makes a cluster; from its first file on it is sure to be removed with this process. */
  static async create(version: Version, initdb: string[], log: Log): Promise<Cluster> {
    const account = await serverAccount()
    const parent = account.uid === undefined || (await openToAll(tmpdir())) ? tmpdir() : '/tmp'
    const base = await mkdtemp(join(parent, 'reprise-'))
    const watchdog = new Watchdog(base)
    try {
      if (account.uid !== undefined && account.gid !== undefined) {
        await chown(base, account.uid, account.gid)
      }
      const bin = await usableBinaries(version, account, base)
      const cluster = new Cluster(base, bin, account, watchdog)
      await cluster.#initialise(initdb, log)
      return cluster
    } catch (error) {
      await watchdog.cleanUp()
      throw error
    }
  }

  /** The same data with a life of its own: of a server that runs, while it is in backup mode. */
  static async copyOf(original: Cluster, version: Version): Promise<Cluster> {
    const { account } = original
    const base = await mkdtemp(join(dirname(original.base), 'reprise-'))
    const watchdog = new Watchdog(base)
    try {
      if (account.uid !== undefined && account.gid !== undefined) {
        await chown(base, account.uid, account.gid)
      }
      const bin = await usableBinaries(version, account, base)
      const copy = new Cluster(base, bin, account, watchdog)
      // cp keeps the owner of each file.
      await promisify(execFile)('cp', ['-a', original.data, copy.data])
      await rm(join(copy.data, 'postmaster.pid'))
      return copy
    } catch (error) {
      await watchdog.cleanUp()
      throw error
    }
  }

  /** The path of one of the server's programs. */
  program(name: 'initdb' | 'postgres'): string {
    return join(this.#bin, name)
  }

  /** Appends to postgresql.conf, so that ALTER SYSTEM can still overrule it. */
  async configure(settings: Record<string, string>): Promise<void> {
    const lines = Object.entries(settings).map(
      ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
    )
    await appendFile(join(this.data, 'postgresql.conf'), lines.join(''))
  }

  /** Gives the server what it needs for TLS, where it looks for it by itself. */
  async certify(): Promise<void> {
    await this.write('server.crt', certificate)
    await this.write('server.key', key)
  }

  /** Makes a file in the data directory that the server alone may read, and remove. */
  async write(name: string, text: string): Promise<void> {
    const path = join(this.data, name)
    await writeFile(path, text, { mode: 0o600 })
    const { uid, gid } = this.account
    if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
  }

  /** Removes everything, stopping a server that still runs in it. */
  remove(): Promise<void> {
    return this.#watchdog.cleanUp()
  }

  async #initialise(more: string[], log: Log): Promise<void> {
    const child = spawn(
      this.program('initdb'),
      // Not a copy of one that was made before: each cluster needs a system identifier of its own.
      ['-D', this.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N', ...more],
      { ...this.account, cwd: this.base, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] },
    )
    log.read(child.stdout)
    log.read(child.stderr)
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`initdb failed (${code}):\n${log.tail().join('\n')}`)
  }
}

/** Our environment without what would change how a server behaves or speaks. */
export function environment(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))
  return { ...Object.fromEntries(ours), LC_ALL: 'C' }
}
