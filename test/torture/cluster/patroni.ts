import { join } from 'node:path'
import type { Member, Site } from './member.ts'

/** How fast a cluster notices, in seconds: a leader that is silent for `ttl` is replaced. */
const pace = { ttl: 10, loop_wait: 2, retry_timeout: 3 }

const parameters = {
  max_connections: 110,
  shared_buffers: '32MB',
  wal_keep_size: '128MB',
  wal_log_hints: 'on',
  max_standby_streaming_delay: '2s',
  log_min_messages: 'warning',
}

const user = (username: string) => ({ username, password: 'none' })

/** What Patroni is told: YAML, of which JSON is a part. */
export function configurationOf(
  { name, directory, rest, port, replication }: Member,
  { etcd, programs }: Site,
): string {
  const address = `127.0.0.1:${rest}`
  return JSON.stringify({
    scope: 'torture',
    name,
    restapi: { listen: address, connect_address: address },
    etcd3: { hosts: `127.0.0.1:${etcd}` },
    bootstrap: {
      dcs: {
        ...pace,
        maximum_lag_on_failover: 100 * 1024 * 1024,
        postgresql: { use_pg_rewind: true, use_slots: true, parameters },
      },
      initdb: [{ encoding: 'UTF8' }, 'data-checksums', { auth: 'trust' }],
      pg_hba: [
        'local all all trust',
        'host all all 127.0.0.1/32 trust',
        'host replication all 127.0.0.1/32 trust',
      ],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${replication.port}`,
      data_dir: join(directory, 'data'),
      bin_dir: programs.postgres,
      pgpass: join(directory, 'pgpass'),
      use_unix_socket: true,
      authentication: {
        superuser: user('postgres'),
        replication: user('replicator'),
        rewind: user('postgres'),
      },
      parameters: { unix_socket_directories: directory },
      basebackup: [{ checkpoint: 'fast' }],
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
    },
    watchdog: { mode: 'off' },
  })
}
