import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const home = import.meta.dirname
const require = createRequire(import.meta.url)

/**
 * Makes the Prisma client from a schema, once per schema and version of Prisma, and answers the path of its module,
 * in a folder `generated` beside the schema. Nothing is downloaded: the generator is WebAssembly, and a schema engine,
 * which Prisma wants to see before it begins, is never called.
 */
export async function generate(schema: string = join(home, 'schema.prisma')): Promise<string> {
  const client = join(dirname(schema), 'generated', await fingerprint(schema))
  if (!(await exists(client))) await make(schema, client)
  return join(client, 'client.ts')
}

async function fingerprint(schema: string): Promise<string> {
  const { version } = require('prisma/package.json') as { version: string }
  const hash = createHash('sha256')
    .update(version)
    .update(await readFile(schema))
  return hash.digest('hex').slice(0, 16)
}

/** In a place of its own and then renamed, so that a process beside this one sees all of the client or none. */
async function make(schema: string, client: string): Promise<void> {
  await mkdir(dirname(client), { recursive: true })
  const workshop = await mkdtemp(join(dirname(client), '.making-'))
  try {
    await copyFile(schema, join(workshop, 'schema.prisma'))
    await runGenerator(workshop)
    await rename(join(workshop, 'client'), client).catch(async (error: unknown) => {
      if (!(await exists(client))) throw error
    })
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

/** Runs `prisma generate` in a folder, for the schema there. */
export async function runGenerator(folder: string, schema = 'schema.prisma'): Promise<void> {
  const { bin } = require('prisma/package.json') as { bin: { prisma: string } }
  const cli = join(dirname(require.resolve('prisma/package.json')), bin.prisma)
  await promisify(execFile)(process.execPath, [cli, 'generate', '--no-hints', '--schema', schema], {
    cwd: folder,
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
