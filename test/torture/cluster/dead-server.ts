import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Admin } from '../../kit/admin.ts'
import { freePort } from '../../kit/free-port.ts'
import { Daemon } from './daemon.ts'
import type { Member, Site } from './member.ts'

const alone = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
hba_file = 'alone.hba'
wal_level = replica
fsync = off
autovacuum = off
`

/**
 * The data of a primary that died, on a server of its own: what it has and its successor has not, it had acknowledged
 * and never sent to anybody. That was lost by the server and by nobody else.
 */
export class DeadServer {
  readonly #port: number
  readonly #daemon: Daemon
  readonly #directory: string

  private constructor(port: number, daemon: Daemon, directory: string) {
    this.#port = port
    this.#daemon = daemon
    this.#directory = directory
  }

  /** Copies a member's data as it is now, and starts a server on the copy that follows nobody. */
  static async of(member: Member, { base, account, programs }: Site): Promise<DeadServer> {
    const directory = join(base, `dead-${member.name}`)
    await rm(directory, { recursive: true, force: true })
    await member.copyData(directory)
    for (const left of ['postmaster.pid', 'standby.signal', 'recovery.signal']) {
      await rm(join(directory, left), { force: true })
    }
    await writeFile(join(directory, 'alone.conf'), alone)
    await writeFile(join(directory, 'alone.hba'), 'host all all 127.0.0.1/32 trust\n')
    const port = await freePort()
    const daemon = Daemon.start({
      program: join(programs.postgres, 'postgres'),
      args: [
        '-D',
        directory,
        '-p',
        `${port}`,
        '-c',
        `config_file=${join(directory, 'alone.conf')}`,
      ],
      directory,
      account,
    })
    return new DeadServer(port, daemon, directory)
  }

  /** The tokens of all transfers that it has in that database. */
  async tokens(database: string): Promise<ReadonlySet<string>> {
    const url = `postgres://postgres@127.0.0.1:${this.#port}/${database}`
    const admin = new Admin(url, () => this.#daemon.alive)
    try {
      const rows = await admin.sql('select token::text as token from transfer')
      return new Set(rows.map(({ token }) => String(token)))
    } catch (error) {
      throw new Error(`The dead server tells nothing:\n${this.#daemon.lastWords()}`, {
        cause: error,
      })
    } finally {
      await admin.close()
    }
  }

  async dispose(): Promise<void> {
    this.#daemon.kill()
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}
