import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The catalog of what users bring, by package. */
const peers = new Map(
  [
    ...(read('pnpm-workspace.yaml').split('  peers:')[1] ?? '').matchAll(
      /^ {4}'?([^':]+)'?: (.+)$/gm,
    ),
  ].map(([, name, range]) => [name, range] as const),
)

test.each(globSync('packages/*/src/version.ts', { cwd: root }).filter((f) => !f.includes('/pg/')))(
  '%s refuses what peerDependencies leave out, and nothing else',
  (file) => {
    const source = read(file)
    const [, range] = /range: '([^']+)'/.exec(source) ?? []
    const manifest = JSON.parse(read(file.replace('src/version.ts', 'package.json')))
    const names = Object.keys(manifest.peerDependencies).filter((name) =>
      source.includes(`'${name}'`),
    )
    expect(names).not.toEqual([])
    for (const name of names) {
      expect(manifest.peerDependencies[name]).toBe('catalog:peers')
      expect(peers.get(name)).toBe(range)
    }
  },
)

test.each(globSync('packages/*/package.json', { cwd: root }))(
  '%s pins nothing that is installed with it: an application that has it already has it once',
  (file) => {
    const { dependencies = {}, peerDependencies = {} } = JSON.parse(read(file))
    const wanted: [string, string][] = Object.entries({ ...dependencies, ...peerDependencies })
    for (const [name, spec] of wanted) {
      const range = spec === 'catalog:peers' ? peers.get(name) : spec
      expect(range, name).toMatch(/^(workspace:)?\^/)
    }
  },
)
