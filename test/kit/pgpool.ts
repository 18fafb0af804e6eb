import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { launch, Pooler } from './pooler.ts'

/** Whether pgpool-II (Debian's package `pgpool2`) is on this machine. */
export function hasPgpool(): boolean {
  return spawnSync('pgpool', ['--version']).status === 0
}

/**
 * A real pgpool-II in front of a server, in streaming replication mode. In raw mode 4.3.5 opens a transaction around a
 * write by the extended protocol and never ends it, whoever the client is: what plain node-postgres inserts is gone.
 */
export class Pgpool extends Pooler {
  /** Starts one; `settings` go over its own. */
  static async start(
    target: { host: string; port: number },
    settings: Record<string, string | number> = {},
  ): Promise<Pgpool> {
    const port = await freePort()
    const directory = await mkdtemp(join(tmpdir(), 'reprise-pgpool-'))
    const sockets = join(directory, 'sockets')
    await mkdir(sockets)
    for (const each of [directory, sockets]) await chmod(each, 0o777)
    const all = {
      listen_addresses: "'127.0.0.1'",
      port,
      socket_dir: `'${sockets}'`,
      pcp_listen_addresses: "'127.0.0.1'",
      pcp_port: await freePort(),
      pcp_socket_dir: `'${sockets}'`,
      pid_file_name: `'${join(directory, 'pgpool.pid')}'`,
      logdir: `'${directory}'`,
      backend_clustering_mode: "'streaming_replication'",
      sr_check_period: 0,
      backend_hostname0: `'${target.host}'`,
      backend_port0: target.port,
      // A server that is restarted is the same one.
      backend_flag0: "'DISALLOW_TO_FAILOVER'",
      failover_on_backend_error: 'off',
      num_init_children: 16,
      ...settings,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
    const file = join(directory, 'pgpool.conf')
    await writeFile(file, `${lines.join('\n')}\n`)
    const launched = await launch({
      title: 'pgpool-II',
      program: 'pgpool',
      arguments: ['-n', '-f', file, '-F', '/dev/null', '-a', '/dev/null'],
      port,
      directory,
      end: 'SIGQUIT',
    })
    return new Pgpool(launched)
  }
}
