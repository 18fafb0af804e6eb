import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { versions } from './kit/index.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const manifest = (name: string) => JSON.parse(read(`packages/${name}/package.json`))

/** The ranges of the catalog of peers, by package. */
const [, catalog = ''] = /\n {2}peers:\n((?: {4}.*\n)+)/.exec(read('pnpm-workspace.yaml')) ?? []
const peers = new Map(
  [...catalog.matchAll(/^ {4}'?([^':]+)'?: (.+)$/gm)].map(([, name, range]) => [name, range]),
)

/** The table of versions in the README, by the name of its row. */
const rows = new Map(
  [...read('README.md').matchAll(/^\| ([A-Za-z]+) \| (.+) \|$/gm)].map(([, name, text]) => [
    name,
    String(text).replaceAll('\\|', '|').replaceAll('`', ''),
  ]),
)

test.each([
  ['pg', 'pg'],
  ['Prisma', '@prisma/client'],
  ['Prisma', '@prisma/adapter-pg'],
  ['Kysely', 'kysely'],
  ['TypeORM', 'typeorm'],
  ['MikroORM', '@mikro-orm/core'],
  ['MikroORM', '@mikro-orm/postgresql'],
])('the README names the versions of %s that %s is wanted in', (row, peer) => {
  expect(rows.get(row)).toBe(peers.get(peer))
})

test('the README names the versions of PostgreSQL that are tested, and of Node that are wanted', () => {
  expect(rows.get('PostgreSQL')).toBe(versions.join(', '))
  expect(rows.get('Node')).toContain(manifest('pg').engines.node.replace('>=', ''))
})

test('every package says in its manifest what it is found by, and wants the same Node', () => {
  for (const path of globSync('packages/*/package.json', { cwd: root })) {
    const { keywords, description, engines } = JSON.parse(read(path))
    expect(keywords).toEqual(expect.arrayContaining(['postgresql', '57p01']))
    expect(description).toMatch(/\.$/)
    expect(engines).toEqual(manifest('pg').engines)
  }
})

test('what the README links to in this repository is there', () => {
  const links = [...read('README.md').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
  const missing = links
    .map(([, path]) => String(path))
    .filter((path) => globSync(path, { cwd: root }).length === 0)
  expect(missing).toEqual([])
})
