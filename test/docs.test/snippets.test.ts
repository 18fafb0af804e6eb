import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { coverage, stale } from '../docs/coverage.ts'
import { pages, root, type Snippet, snippetsOf } from '../docs/snippets.ts'
import { freePort } from '../kit/free-port.ts'
import { Server } from '../kit/index.ts'
import { generate } from '../subjects/prisma/generate.ts'

const snippets = pages.flatMap(snippetsOf)
const programs = snippets.filter(({ runs }) => runs)
/** For each folder with a manifest one below it, where all packages that its pages name are found. */
const folders = new Map<string, string>()
let server: Server

beforeAll(async () => {
  const generated = await generate()
  for (const home of new Set(snippets.map(homeOf))) {
    const folder = mkdtempSync(join(root, home, '.snippets-'))
    folders.set(home, folder)
    mkdirSync(join(folder, 'generated/prisma'), { recursive: true })
    const client = relative(join(folder, 'generated/prisma'), generated).replaceAll('\\', '/')
    writeFileSync(join(folder, 'generated/prisma/client.ts'), `export * from '${client}'\n`)
  }
  for (const snippet of snippets) writeFileSync(fileOf(snippet), `${snippet.code}\nexport {}\n`)
  server = await Server.start()
}, 300_000)

afterAll(async () => {
  for (const folder of folders.values()) rmSync(folder, { recursive: true, force: true })
  await server?.dispose()
})

test('all code on all pages is code for what it imports, by the compiler', {
  timeout: 300_000,
}, () => {
  const said = [
    compile('ts', {}),
    // Some modules that plain JavaScript imports have no types.
    compile('js', { allowJs: true, checkJs: true, noImplicitAny: false }),
  ].join('')
  expect(said.replaceAll(/^\S*?([^\s/]+__\d+)\.[tj]s/gm, (_, name) => placeOf(name))).toBe('')
})

test.each(programs)('the program of $place prints what the page says', async (program) => {
  const DATABASE_URL = await server.createDatabase()
  const PORT = String(await freePort())
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@reprise/source', fileOf(program)],
    { env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', DATABASE_URL, PORT } },
  )
  expect(stdout).toBe(program.prints ?? '')
})

test('every piece of code on every page is executed, or it is said why it is only compiled', () => {
  expect(coverage().flatMap(({ forgotten }) => forgotten)).toEqual([])
  expect(stale()).toEqual([])
  const tests = coverage().flatMap(({ executed }) => [...executed.keys()])
  expect(tests.filter((test) => !existsSync(join(root, test)))).toEqual([])
})

test('the pages have programs, and pages without any code are no accident', () => {
  expect(programs.length).toBeGreaterThan(10)
  expect(snippets.length).toBeGreaterThan(programs.length)
})

/** As an application would be compiled, with the decorators that Nest wants. */
const compilerOptions = {
  noEmit: true,
  composite: false,
  declaration: false,
  declarationMap: false,
  isolatedDeclarations: false,
  rewriteRelativeImportExtensions: false,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: false,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  exactOptionalPropertyTypes: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  noUncheckedIndexedAccess: false,
  verbatimModuleSyntax: false,
  lib: ['es2025'],
}

/** What the compiler says of all snippets in a language; nothing where it is content. */
function compile(language: Snippet['language'], more: object): string {
  const files = snippets.filter((snippet) => snippet.language === language).map(fileOf)
  const config = join(folders.get('docs') ?? '', `tsconfig.${language}.json`)
  const extending = { extends: '../../tsconfig.base.json', files }
  writeFileSync(
    config,
    JSON.stringify({ ...extending, compilerOptions: { ...compilerOptions, ...more } }),
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const run = [tsc, '--project', config]
  return spawnSync(process.execPath, run, { encoding: 'utf8', cwd: root }).stdout
}

/** A package's or an example's page finds what its own manifest names; all others what that of the site does. */
function homeOf({ place }: Snippet): string {
  const [top = '', name = ''] = place.split('/')
  return top === 'packages' || top === 'examples' ? `${top}/${name}` : 'docs'
}

function fileOf(snippet: Snippet): string {
  const { place, language } = snippet
  return join(folders.get(homeOf(snippet)) ?? '', `${nameOf(place)}.${language}`)
}

/** `docs/start/pg.md:10` as the name of a module. */
function nameOf(place: string): string {
  return place.replaceAll(/[^\w]+/g, '_').replace(/_(\d+)$/, '__$1')
}

function placeOf(name: string): string {
  return snippets.find(({ place }) => nameOf(place) === name)?.place ?? name
}
