import { dirname, join, normalize } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'

/** A package as the layers see it. */
export interface Layer {
  /** The folder's name in packages/. */
  readonly name: string
  /** Every `@reprise/*` package its manifest names, in whatever role. */
  readonly siblings: readonly string[]
  /** What its users install beside it. */
  readonly peers: readonly string[]
  /** Source texts by path, relative to `src`. */
  readonly sources: ReadonlyMap<string, string>
  /** Its wings, the highest first: each imports only those below it. None where there are no wings. */
  readonly wings?: readonly string[]
}

/** What each package may import beside `node:*` and its own files: imports go down only. */
function allowed(layer: Layer): ReadonlySet<string> {
  switch (layer.name) {
    case 'core':
      return new Set()
    case 'pg':
      return new Set(['@reprise/core', 'pg', 'pgsql-deparser'])
    case 'drill':
      // A command, which brings its own pg.
      return new Set(['@reprise/core', '@reprise/pg', 'pg'])
    default:
      return new Set([
        '@reprise/pg',
        '@reprise/core',
        ...layer.peers.filter((peer) => !peer.startsWith('@reprise/')),
      ])
  }
}

/** The ways in which a package breaks its layer, one sentence each. */
export function trespasses(layer: Layer): string[] {
  const may = allowed(layer)
  const found: string[] = []
  for (const sibling of layer.siblings) {
    if (!may.has(sibling)) found.push(`${layer.name}/package.json names ${sibling}`)
  }
  for (const [file, text] of layer.sources) {
    for (const specifier of importsOf(file, text)) {
      const legal =
        specifier === undefined
          ? false
          : isRelative(specifier)
            ? layer.sources.has(target(file, specifier)) || isGenerated(layer, file, specifier)
            : specifier.startsWith('node:') || may.has(packageOf(specifier))
      if (!legal) found.push(`${layer.name}/src/${file} imports ${specifier ?? 'a computed name'}`)
    }
  }
  return found
}

/**
 * The ways in which a file of one wing imports another above it, lies in no wing, or one of the wings
 * has no file, one sentence each. `.` is what lies beside the wings; `index.ts` may import all of them.
 */
export function climbs({ name, sources, wings = [] }: Layer): string[] {
  if (wings.length === 0) return []
  const found: string[] = []
  const inhabited = new Set<string>()
  for (const [file, text] of sources) {
    if (file === 'index.ts') continue
    const wing = dirname(file)
    const floor = wings.indexOf(wing)
    inhabited.add(wing)
    if (floor < 0) found.push(`${name}/src/${file} lies in no wing`)
    for (const specifier of importsOf(file, text)) {
      if (specifier === undefined || !isRelative(specifier)) continue
      const below = target(file, specifier)
      if (below.startsWith('../')) continue
      if (below === 'index.ts' || wings.indexOf(dirname(below)) < floor) {
        found.push(`${name}/src/${file} imports ${below}, which lies above it`)
      }
    }
  }
  for (const wing of wings) if (!inhabited.has(wing)) found.push(`${name}/src/${wing} is empty`)
  return found
}

/**
 * The wings of each package as a picture draws them, the highest first: the lines `package/wing` of
 * its fenced block `wings`, a wing being a folder or, for what lies beside the folders, its files.
 */
export function drawnWings(document: string): Map<string, string[]> {
  const [, picture = ''] = /^```wings\n(.*?)^```$/ms.exec(document) ?? []
  const drawn = new Map<string, string[]>()
  for (const [, name, wing] of picture.matchAll(/^(\w+)\/(\S+)/gm)) {
    drawn.set(name!, [...(drawn.get(name!) ?? []), wing!.endsWith('.ts') ? '.' : wing!])
  }
  return drawn
}

/** One import cycle of the package, as the files along it, or `undefined`. */
export function cycle({ sources }: Pick<Layer, 'sources'>): string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    const start = path.indexOf(file)
    if (start >= 0) return [...path.slice(start), file]
    const text = sources.get(file)
    if (done.has(file) || text === undefined) return undefined
    for (const specifier of importsOf(file, text)) {
      if (specifier === undefined || !isRelative(specifier)) continue
      const found = visit(target(file, specifier), [...path, file])
      if (found) return found
    }
    done.add(file)
    return undefined
  }
  for (const file of sources.keys()) {
    const found = visit(file, [])
    if (found) return found
  }
  return undefined
}

/** Every module a source names, types included; `undefined` for one whose name is computed. */
export function importsOf(file: string, text: string): (string | undefined)[] {
  const { program, errors } = parseSync(file, text)
  if (errors[0]) throw new SyntaxError(`${file}: ${errors[0].message}`)
  const found: (string | undefined)[] = []
  const add = (source: { readonly type: string; readonly value?: unknown }): void => {
    found.push(typeof source.value === 'string' ? source.value : undefined)
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => node.source && add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    CallExpression({ callee, arguments: [source] }) {
      if (callee.type === 'Identifier' && callee.name === 'require' && source) add(source)
    },
  }).visit(program)
  return found
}

/** PostgreSQL's own parser, as WebAssembly in a module, lies beside the sources of pg. */
function isGenerated({ name }: Layer, file: string, specifier: string): boolean {
  return name === 'pg' && target(file, specifier) === '../libpg-query/index.cjs'
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.')
}

function target(file: string, specifier: string): string {
  return normalize(join(dirname(file), specifier))
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
