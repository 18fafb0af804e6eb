import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { generate } from '../../../test/subjects/prisma/generate.ts'
import { Shop } from './shop/shop.ts'

test('the example of the README runs', async () => {
  const shop = await Shop.create(inject('serverUrl'))
  const folder = dirname(await generate(join(import.meta.dirname, 'shop/schema.prisma')))
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const [, example = ''] = /```ts\n(import .*?)```/s.exec(readme) ?? []
  const text = example
    .replace("'@reprise/prisma'", "'../../../../src/index.ts'")
    .replace('./generated/prisma/client.ts', './client.ts')
    .replace('// whoever terminates', 'await (globalThis as any).kill() // whoever terminates')
  const kill = `import { Shop } from '../../shop.ts'
const shop = await Shop.of(process.env.DATABASE_URL as string)
;(globalThis as any).kill = () => shop.killAll()
`
  const file = join(folder, 'reprise-readme.ts')
  await writeFile(file, `${kill}${text}\nawait shop.close()\n`)
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@reprise/source', file],
      { env: { ...process.env, DATABASE_URL: shop.url } },
    )
    expect(stdout).toBe('990\n')
    expect(await shop.sql('select balance from account where id < 3 order by id')).toEqual([
      { balance: 990 },
      { balance: 1010 },
    ])
  } finally {
    await rm(file)
    await shop.close()
  }
})
