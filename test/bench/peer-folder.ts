import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What is compared with; nothing of it belongs into the lockfile of everybody. */
const dependencies = {
  knex: '3.3.0',
  'p-retry': '9.0.0',
  postgres: '3.4.9',
  sequelize: '6.37.8',
  slonik: '49.10.9',
  pg: '8.23.1',
}

/** A temporary folder in which the peers are installed by npm. */
export async function peerFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'reprise-peers-'))
  const manifest = { private: true, type: 'module', dependencies }
  await writeFile(join(path, 'package.json'), JSON.stringify(manifest))
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps']
  await promisify(execFile)('npm', ['install', ...quiet], { cwd: path })
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
