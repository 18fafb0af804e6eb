import { execFile } from 'node:child_process'
import { copyFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { generate } from '../../../test/subjects/prisma/generate.ts'

test('the types of models, of the transaction client and of batches stay what they were', async () => {
  const folder = dirname(await generate(join(import.meta.dirname, 'shop/schema.prisma')))
  const fixture = join(folder, 'reprise-types.ts')
  const project = join(folder, 'reprise-types.json')
  await copyFile(join(import.meta.dirname, 'types/shapes.ts.txt'), fixture)
  await writeFile(
    project,
    JSON.stringify({
      extends: join(import.meta.dirname, '../../../tsconfig.base.json'),
      compilerOptions: {
        composite: false,
        isolatedDeclarations: false,
        noEmit: true,
        paths: { '@reprise/prisma': [join(import.meta.dirname, '../src/index.ts')] },
      },
      files: [fixture],
    }),
  )
  try {
    const tsc = join(
      dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
      'bin/tsc',
    )
    const { stdout } = await promisify(execFile)(process.execPath, [
      tsc,
      '--project',
      project,
    ]).catch((error) => error)
    expect(stdout).toBe('')
  } finally {
    await rm(fixture)
    await rm(project)
  }
})
