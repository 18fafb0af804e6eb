import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { launch, Pooler } from './pooler.ts'

/** Whether PgBouncer (Debian's package `pgbouncer`) is on this machine. */
export function hasBouncer(): boolean {
  return spawnSync('pgbouncer', ['--version']).status === 0
}

/** A real PgBouncer in front of a server. */
export class Bouncer extends Pooler {
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
    const launched = await launch({
      title: 'PgBouncer',
      program: 'pgbouncer',
      arguments: [file],
      port,
      directory,
      end: 'SIGKILL',
    })
    return new Bouncer(launched)
  }
}
