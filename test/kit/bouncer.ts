import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answers } from './answers.ts'
import { serverAccount } from './binaries.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Whether PgBouncer (Debian's package `pgbouncer`) is on this machine. */
export function hasBouncer(): boolean {
  return spawnSync('pgbouncer', ['--version']).status === 0
}

/** A real PgBouncer in front of a server. */
export class Bouncer {
  readonly port: number
  readonly #child: ChildProcess
  readonly #directory: string

  private constructor(child: ChildProcess, port: number, directory: string) {
    this.#child = child
    this.port = port
    this.#directory = directory
  }

  /** Starts one; `settings` go into its section [pgbouncer]. */
  static async start(
    target: { host: string; port: number },
    settings: Record<string, string | number> = {},
  ): Promise<Bouncer> {
    const port = await freePort()
    const directory = await mkdtemp(join(tmpdir(), 'reprise-bouncer-'))
    await chmod(directory, 0o755)
    const all = {
      listen_addr: '127.0.0.1',
      listen_port: port,
      unix_socket_dir: '',
      auth_type: 'any',
      pool_mode: 'session',
      ignore_startup_parameters: 'extra_float_digits',
      ...settings,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
    const file = join(directory, 'pgbouncer.ini')
    const backend = `* = host=${target.host} port=${target.port} user=postgres`
    await writeFile(file, `[databases]\n${backend}\n[pgbouncer]\n${lines.join('\n')}\n`)
    const log: string[] = []
    const child = spawn('pgbouncer', [file], {
      ...(await serverAccount()),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => log.push(String(text)))
    running.add(child)
    child.once('exit', () => running.delete(child))
    const what = 'PgBouncer to listen'
    await until(() => child.exitCode !== null || answers(port), { what })
    if (child.exitCode !== null) throw new Error(`PgBouncer did not start:\n${log.join('')}`)
    return new Bouncer(child, port, directory)
  }

  /** The same database, through it. */
  url(databaseUrl: string): string {
    const url = new URL(databaseUrl)
    url.port = String(this.port)
    return url.href
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await ended
    }
    await rm(this.#directory, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
