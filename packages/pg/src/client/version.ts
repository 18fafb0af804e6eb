import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'

/** What a door needs of the package that it opens. */
export interface Wanted {
  /** Its name in the registry. */
  readonly name: string
  /** What people call it. */
  readonly title: string
  /** As in `peerDependencies`: carets, with `||` between them. */
  readonly range: string
  /** The door's own name. */
  readonly door: string
  /** The door's `__filename`, empty where there is none, as in an ES module of a bundle. */
  readonly from: string
  /** What the package itself says of its version, where it does: a bundle has no manifests. */
  readonly says?: string | undefined
}

/**
 * Refuses a version that was never tried. Where no version can be found, as in a bundle of a package
 * that does not say it, it says nothing: then what is used of the package is all there is to go by.
 * @throws TypeError with the version found and those wanted
 */
export function requireVersion({ name, title, range, door, from, says = '' }: Wanted): void {
  const found = installed(name, from) ?? (/^\d+\.\d+\.\d+/.test(says) ? says : undefined)
  if (found === undefined || satisfies(found, range)) return
  throw new TypeError(
    `This is ${title} ${found}, and ${door} works with ${title} ${range}: install one of these.`,
  )
}

/** Whether a version is in a range of carets. Of a pre-release, the numbers count. */
function satisfies(version: string, range: string): boolean {
  const found = numbers(version)
  return range.split('||').some((caret) => {
    const least = numbers(caret)
    // Up to its first number above 0, a version must be the same.
    const fixed = least.findIndex((number) => number > 0)
    const differs = found.findIndex((number, at) => number !== least[at])
    return differs < 0 || (differs > fixed && (found[differs] ?? 0) > (least[differs] ?? 0))
  })
}

function numbers(version: string): number[] {
  const [, major = 0, minor = 0, patch = 0] = /(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version) ?? []
  return [major, minor, patch].map(Number)
}

/** The version of a package as a module resolves it, from where packages keep it: their manifests. */
function installed(name: string, from: string): string | undefined {
  if (!isAbsolute(from)) return undefined
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    try {
      const manifest = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')
      return (JSON.parse(manifest) as { version: string }).version
    } catch {
      if (folder === dirname(folder)) return undefined
    }
  }
}
