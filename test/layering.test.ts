import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { climbs, cycle, drawnWings, importsOf, type Layer, trespasses } from './house/layers.ts'

const packages = join(import.meta.dirname, '../packages')
const picture = drawnWings(readFileSync(join(packages, '../ARCHITECTURE.md'), 'utf8'))
const layers = globSync('*/package.json', { cwd: packages }).map((path): Layer => {
  const manifest = JSON.parse(readFileSync(join(packages, path), 'utf8'))
  const peers = Object.keys(manifest.peerDependencies ?? {})
  const others = Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.devDependencies,
  })
  const src = join(packages, path, '../src')
  const name = path.split('/')[0]!
  return {
    name,
    wings: picture.get(name) ?? [],
    siblings: [...peers, ...others].filter((name) => name.startsWith('@reprise/')),
    peers,
    sources: new Map(
      globSync('**/*.ts', { cwd: src }).map((file) => [
        file,
        readFileSync(join(src, file), 'utf8'),
      ]),
    ),
  }
})

test('there are packages, and they have sources', () => {
  expect(layers.map(({ name }) => name)).toEqual(expect.arrayContaining(['core', 'pg']))
  for (const { sources } of layers) expect(sources.size).toBeGreaterThan(0)
  expect([...picture.keys()]).toEqual(['pg', 'core'])
})

describe.each(layers)('$name', (layer) => {
  test('imports only what lies below it', () => {
    expect(trespasses(layer)).toEqual([])
  })

  test('keeps to its wings as ARCHITECTURE.md draws them', () => {
    expect(climbs(layer)).toEqual([])
  })

  test('has no import cycle', () => {
    expect(cycle(layer)?.join(' → ')).toBeUndefined()
  })
})

describe('the rule itself', () => {
  const layer = (name: string, text: string, more: Partial<Layer> = {}): Layer => ({
    name,
    siblings: [],
    peers: [],
    sources: new Map([
      ['a.ts', text],
      ['b.ts', ''],
    ]),
    ...more,
  })

  test.each([
    ['core', `import '@reprise/pg'`],
    ['core', `import type { Pool } from 'pg'`],
    ['core', `import '@reprise/core'`],
    ['core', `import '../../pg/src/client/session.ts'`],
    ['core', `import '../../../test/kit/server.ts'`],
    ['core', `export * from 'lodash'`],
    ['core', `type T = import('pg').Pool`],
    ['core', `await import('pg')`],
    ['core', `await import(name)`],
    ['core', `const pg = require('pg')`],
    ['core', `import './gone.ts'`],
    ['pg', `import '@reprise/kysely'`],
    ['pg', `import 'pg-pool'`],
    ['kysely', `import '@reprise/typeorm'`],
    ['kysely', `import 'typeorm'`],
  ])('forbids %s: %s', (name, text) => {
    expect(trespasses(layer(name, text, { peers: ['kysely', '@reprise/typeorm'] }))).toHaveLength(1)
  })

  test.each([
    ['core', `import fs from 'node:fs'`],
    ['core', `export * from './b.ts'`],
    ['core', `/** import x from 'pg' */ const s = "import 'pg'"`],
    ['pg', `import { Client } from 'pg'; import type { Loss } from '@reprise/core'`],
    ['kysely', `import '@reprise/pg'; import '@reprise/core'; import 'kysely/helpers/postgres'`],
  ])('allows %s: %s', (name, text) => {
    expect(trespasses(layer(name, text, { peers: ['kysely'] }))).toEqual([])
  })

  test('reads manifests, too', () => {
    expect(trespasses(layer('kysely', '', { siblings: ['@reprise/prisma'] }))).toHaveLength(1)
  })

  test('lets a wing import what lies below it, and nothing else', () => {
    const floors = (text: string): string[] =>
      climbs({
        ...layer('pg', ''),
        wings: ['top', '.', 'low'],
        sources: new Map([
          ['index.ts', `export * from './top/a.ts'`],
          ['top/a.ts', `import './b.ts'; import '../beside.ts'; import '../low/c.ts'`],
          ['top/b.ts', ''],
          ['beside.ts', `import './low/c.ts'`],
          ['low/c.ts', text],
        ]),
      })
    expect(floors('')).toEqual([])
    expect(floors(`import '../top/b.ts'`)).toHaveLength(1)
    expect(floors(`import type { A } from '../beside.ts'`)).toHaveLength(1)
    expect(floors(`export * from '../index.ts'`)).toHaveLength(1)
    expect(climbs({ ...layer('pg', ''), wings: ['top'] })).toEqual([
      'pg/src/a.ts lies in no wing',
      'pg/src/b.ts lies in no wing',
      'pg/src/top is empty',
    ])
  })

  test('finds a cycle, also one of types alone', () => {
    const sources = new Map([
      ['a.ts', `import './deep/b.ts'`],
      ['deep/b.ts', `export { c } from '../c.ts'`],
      ['c.ts', `import type { B } from './deep/b.ts'`],
    ])
    expect(cycle({ sources })).toEqual(['deep/b.ts', 'c.ts', 'deep/b.ts'])
    sources.set('c.ts', '')
    expect(cycle({ sources })).toBeUndefined()
  })

  test('does not pass over what it cannot read', () => {
    expect(() => importsOf('a.ts', 'import {')).toThrow(SyntaxError)
  })
})
