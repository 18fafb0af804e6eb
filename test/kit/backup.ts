import type { Version } from './binaries.ts'
import { Cluster } from './cluster.ts'

/**
 * Copies a cluster whose server runs, so that a server on the copy is its standby.
 *
 * @param sql runs all its statements in one session
 */
export async function backUp(
  cluster: Cluster,
  version: Version,
  sql: (text: string) => Promise<Record<string, unknown>[]>,
): Promise<Cluster> {
  const old = version === '14'
  await sql(`select ${old ? "pg_start_backup('', true, false)" : "pg_backup_start('', true)"}`)
  const copy = await Cluster.copyOf(cluster, version)
  const end = old ? 'pg_stop_backup(false, false)' : 'pg_backup_stop(false)'
  const [ended] = await sql(`select labelfile from ${end}`)
  await copy.write('backup_label', String(ended?.labelfile))
  await copy.write('standby.signal', '')
  return copy
}
