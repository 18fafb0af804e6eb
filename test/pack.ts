import { execFileSync } from 'node:child_process'

const pnpm = process.env.npm_execpath ?? 'pnpm'

/** Path of the tarball that `pnpm publish` would send of the package in a folder. */
export function pack(folder: string, destination: string): string {
  const answer = execFileSync(pnpm, ['pack', '--json', '--pack-destination', destination], {
    cwd: folder,
    encoding: 'utf8',
  })
  return JSON.parse(answer).filename
}
