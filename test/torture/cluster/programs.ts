import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Debian's packages for a cluster, as `apt-get install` takes them. */
const packages = 'patroni etcd-server haproxy pgbouncer python3-etcd python3-psycopg2 postgresql'

const versions = '/usr/lib/postgresql'

/** Where the programs of a cluster are. */
export interface Programs {
  readonly patroni: string
  readonly etcd: string
  readonly haproxy: string
  /** The directory of PostgreSQL's own: Patroni needs more of them than the kit's binaries have. */
  readonly postgres: string
}

/** Where they are on this machine, or one sentence that says which packages are missing. */
export function programs(): Programs | string {
  const [patroni, etcd, haproxy] = ['patroni', 'etcd', 'haproxy'].map(find)
  const postgres = newestPostgres()
  if (patroni && etcd && haproxy && postgres && hasModules()) {
    return { patroni, etcd, haproxy, postgres }
  }
  return `a cluster needs Debian's packages: apt-get install ${packages}`
}

function find(program: string): string | undefined {
  return ['/usr/bin', '/usr/sbin'].map((at) => join(at, program)).find((path) => existsSync(path))
}

function newestPostgres(): string | undefined {
  if (!existsSync(versions)) return undefined
  return readdirSync(versions)
    .sort((left, right) => Number(right) - Number(left))
    .map((version) => join(versions, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'pg_rewind')) && existsSync(join(bin, 'pg_basebackup')))
}

/** Debian's patroni only recommends what it needs to speak to etcd. */
function hasModules(): boolean {
  return spawnSync('/usr/bin/python3', ['-c', 'import etcd, psycopg2']).status === 0
}
