import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { exampleOf, runExample } from '../../../test/kit/index.ts'
import { generate } from '../../../test/subjects/prisma/generate.ts'
import { Shop } from './shop/shop.ts'

const kill = `import { Shop } from '../../shop.ts'
const shop = new Shop(process.env.DATABASE_URL as string)
;(globalThis as any).kill = () => shop.killAll()
`

test('the example of the README runs', async () => {
  const shop = await Shop.create(inject('serverUrl'))
  try {
    const client = await generate(join(import.meta.dirname, 'shop/schema.prisma'))
    const example = await exampleOf(join(import.meta.dirname, '../README.md'))
    const text = example
      .replace("'@reprise/prisma'", "'../../../../src/index.ts'")
      .replace('./generated/prisma/client.ts', './client.ts')
      .replace('// whoever terminates', 'await (globalThis as any).kill() // whoever terminates')
    const code = `${kill}${text}\nawait shop.close()\n`
    expect(await runExample(code, client, { DATABASE_URL: shop.url })).toBe('990\n')
    expect(await shop.sql('select balance from account where id < 3 order by id')).toEqual([
      { balance: 990 },
      { balance: 1010 },
    ])
  } finally {
    await shop.close()
  }
})
