import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root: string = join(import.meta.dirname, '../..')

/** A piece of code on a page. */
export interface Snippet {
  /** The page, seen from the top of the repository, and the line of the fence. */
  readonly place: string
  readonly language: 'ts' | 'js'
  readonly code: string
  /** Whether it is a program, to be run as it stands, or is made one. */
  readonly runs: boolean
  /** What it prints, where the page says so. */
  readonly prints: string | undefined
}

/** Every page that people read: the site, and what is shown of a repository and its packages. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...globSync(['packages/*/README.md', 'examples/*/README.md', 'docs/**/*.md'], {
    cwd: root,
    exclude: (name) => name.includes('node_modules'),
  }).sort(),
]

/**
 * What a reader sees, in parts: a comment `<!-- given … -->` before a fence holds what the page takes for
 * known, the word `run` behind its language says that it is a program, a fence of `txt` right behind it is
 * what that prints. A comment `<!-- then … -->` behind a piece that is no program makes one of it: it uses
 * what the piece made, asserts, and ends.
 */
const fence =
  /(?:^<!-- given\n([\s\S]*?)\n-->\n+)?^```(ts|js)\b([^\n]*)\n([\s\S]*?)^```$(?:\n+```txt\n([\s\S]*?)^```$)?(?:\n<!-- then\n([\s\S]*?)\n-->)?/gm

/** All code in TypeScript and JavaScript on a page. */
export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(fence)].map((match) => {
    const [, given = '', language, info = '', code = '', prints, then] = match
    return {
      place: `${page}:${text.slice(0, match.index).split('\n').length}`,
      language: language as 'ts' | 'js',
      code: `${given}\n${code}${then ?? ''}`,
      runs: /\brun\b/.test(info) || then !== undefined,
      prints,
    }
  })
}
