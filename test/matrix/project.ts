import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Line, scenarioOf } from './lines.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const scenario = join(import.meta.dirname, 'scenario')

/** The package that a line is named after. */
const named: { readonly [O in Line['orm']]: string } = {
  pg: 'pg',
  kysely: 'kysely',
  typeorm: 'typeorm',
  'mikro-orm': '@mikro-orm/core',
  prisma: '@prisma/client',
  drizzle: 'drizzle-orm',
  knex: 'knex',
  objection: 'objection',
  sequelize: 'sequelize',
  'pg-promise': 'pg-promise',
  'pg-boss': 'pg-boss',
  'graphile-worker': 'graphile-worker',
  'connect-pg-simple': 'connect-pg-simple',
  keyv: '@keyv/postgres',
  'node-pg-migrate': 'node-pg-migrate',
  umzug: 'umzug',
}

/** A temporary project as a new user would make it, on the packages as they would be published. */
export interface Project {
  readonly folder: string
  /** The version that npm chose. */
  readonly version: string
  /** What the type checker says of the scenario there; empty when it agrees. */
  readonly types: string
  /** Variables that the scenario's process needs. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * Makes one.
 * @param tarballs the packed packages, by name
 * @throws what npm says, when it refuses
 */
export async function project(
  line: Line,
  folder: string,
  tarballs: ReadonlyMap<string, string>,
): Promise<Project> {
  mkdirSync(join(folder, 'scenario/family'), { recursive: true })
  const ours = ['core', 'pg', ...(line.orm === 'pg' || line.family ? [] : [line.orm])]
  const local = ours.map((name) => [`@reprise/${name}`, `file:${tarballs.get(name)}`])
  write(folder, 'package.json', {
    private: true,
    type: 'module',
    dependencies: { ...Object.fromEntries(local), ...line.install, '@types/node': '20' },
    // The tarballs depend on each other by version, and are published nowhere.
    overrides: Object.fromEntries(local),
  })
  // npm itself refuses what peerDependencies leave out, so that nobody would see what we say to it.
  const force = line.refused === undefined ? [] : ['--legacy-peer-deps']
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', ['install', ...quiet, ...force], { cwd: folder })
  const shared = line.family ? ['family/awaited.ts', 'family/written.ts'] : []
  for (const file of ['opened.ts', 'main.ts', ...shared, `${scenarioOf(line)}.ts`]) {
    const source = readFileSync(join(scenario, file), 'utf8')
    writeFileSync(join(folder, 'scenario', file), source)
    writeFileSync(join(folder, 'scenario', file.replace('.ts', '.js')), plain(source))
  }
  const env = line.orm === 'prisma' ? await generate(line, folder) : {}
  return { folder, version: installed(folder, named[line.orm]), types: await check(folder), env }
}

/** JavaScript for any Node. */
function plain(source: string): string {
  return stripTypeScriptTypes(source).replace(
    /(from '\.\.?\/|`\.\/[^`]*)([^'`]*)\.ts(?=['`])/g,
    '$1$2.js',
  )
}

function installed(folder: string, name: string): string {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'))
    .version
}

/** Checks the scenario against the types of what was installed, as an application's build would. */
async function check(folder: string): Promise<string> {
  write(folder, 'tsconfig.json', {
    compilerOptions: {
      strict: true,
      target: 'es2022',
      module: 'nodenext',
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      types: ['node'],
    },
    include: ['scenario'],
  })
  try {
    await run(join(root, 'node_modules/.bin/tsc'), ['--project', folder])
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

/** Makes the Prisma client with the generator of the line. */
async function generate(
  { version, generator = 'prisma-client' }: Line,
  folder: string,
): Promise<Record<string, string>> {
  const six = version.startsWith('6')
  const js = generator === 'prisma-client-js'
  const schema = readFileSync(join(root, 'test/subjects/prisma/schema.prisma'), 'utf8')
  const block = [
    `provider = "${generator}"`,
    ...(six ? ['engineType = "client"'] : []),
    ...(js
      ? []
      : [
          'output = "./client"',
          'runtime = "nodejs"',
          'moduleFormat = "esm"',
          'importFileExtension = "js"',
        ]),
  ]
  const source = schema
    .replace(/generator client \{[^}]*\}/, `generator client {\n  ${block.join('\n  ')}\n}`)
    .replace('"postgresql"', six ? '"postgresql"\n  url = "postgres://none"' : '"postgresql"')
  writeFileSync(join(folder, 'schema.prisma'), source)
  await run(
    process.execPath,
    [join(folder, 'node_modules/prisma/build/index.js'), 'generate', '--no-hints'],
    {
      cwd: folder,
      env: {
        ...process.env,
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_QUERY_ENGINE_LIBRARY: process.execPath,
        CHECKPOINT_DISABLE: '1',
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
      },
    },
  )
  if (js) return { GENERATED: '@prisma/client' }
  for (const file of readdirSync(join(folder, 'client'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const at = join(folder, 'client', file)
    writeFileSync(at.replace(/\.ts$/, '.js'), stripTypeScriptTypes(readFileSync(at, 'utf8')))
  }
  return { GENERATED: join(folder, 'client/client.js') }
}

function write(folder: string, file: string, content: object): void {
  writeFileSync(join(folder, file), JSON.stringify(content, null, 2))
}
