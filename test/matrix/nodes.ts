import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { NodeVersion } from './lines.ts'

const run = promisify(execFile)

/** Node in several versions, from npm's own packages of it, each fetched when it is first asked for. */
export class Nodes {
  readonly #folder: string
  readonly #paths: Map<NodeVersion, Promise<string>> = new Map()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The path of its executable. */
  path(version: NodeVersion): Promise<string> {
    const known = this.#paths.get(version) ?? this.#fetch(version)
    this.#paths.set(version, known)
    return known
  }

  async #fetch(version: NodeVersion): Promise<string> {
    const folder = join(this.#folder, version)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
    const wanted = `${platform}@${version}`
    await run('npm', ['install', '--no-audit', '--no-fund', wanted], { cwd: folder })
    return join(folder, 'node_modules', platform, 'bin/node')
  }
}
