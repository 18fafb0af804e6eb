import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import { expect, test } from 'vitest'
import config from '../vitest.config.ts'

const root = join(import.meta.dirname, '..')

/** Whatever a commit of everything would hold. */
const files = execFileSync(
  'git',
  ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)))

const read = (file: string): string => readFileSync(join(root, file), 'utf8')

test('the top level holds only what is known here', () => {
  const known = new Set([
    '.changeset',
    '.ci',
    '.editorconfig',
    '.gitattributes',
    '.gitignore',
    '.npmrc',
    '.github',
    'ARCHITECTURE.md',
    'BENCHMARKS.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'biome.json',
    'docs',
    'examples',
    'knip.json',
    'package.json',
    'packages',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'test',
    'tsconfig.base.json',
    'tsconfig.json',
    'vitest.config.ts',
  ])
  const names = new Set(files.map((file) => file.split('/')[0]!))
  expect([...names].filter((name) => !known.has(name))).toEqual([])
})

test('a source file is one noun: 250 lines at most', () => {
  const long = files
    .filter((file) => matchesGlob(file, 'packages/*/src/**/*.ts'))
    .map((file) => ({ file, lines: read(file).trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > 250)
  expect(long).toEqual([])
})

test('no file names a folder of somebody’s machine or a package registry', () => {
  const machine = /(?<![\w.-])\/(?:work|root|home|tmp)\//
  const registry = /\bregistry\.[a-z0-9-]+\.[a-z]|\btarball: *["']?https?:/
  const found = files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, at) =>
        machine.test(line) || registry.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : [],
      ),
  )
  expect(found).toEqual([])
})

test('every test file belongs to a project, or nobody would run it', () => {
  const includes = (config.test?.projects ?? []).flatMap((project) =>
    typeof project === 'object' && 'test' in project ? (project.test?.include ?? []) : [],
  )
  const lost = files.filter(
    (file) =>
      /\.(?:test|spec)\.[cm]?[jt]sx?$/.test(file) &&
      // Other runners run these, in a project of their own.
      !file.startsWith('test/fixtures/project/') &&
      !includes.some((pattern) => matchesGlob(file, pattern)),
  )
  expect(includes).not.toEqual([])
  expect(lost).toEqual([])
})

test('every package is built and is licensed', () => {
  const { references } = JSON.parse(read('tsconfig.json'))
  const built = references.map(({ path }: { path: string }) => path)
  const packages = globSync('packages/*/package.json', { cwd: root })
  expect(built.sort()).toEqual(packages.map((path) => join(path, '..')).sort())
  for (const path of packages) expect(JSON.parse(read(path)).license).toBe('MIT')
})
