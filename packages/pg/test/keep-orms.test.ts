import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { loadParser } from '../src/keep/parser.ts'
import { essence, fateOf, type Step } from './twins.ts'

const fixtures = join(import.meta.dirname, 'fixtures')
const orms = ['kysely', 'typeorm', 'mikro-orm', 'prisma'] as const
const texts = Object.fromEntries(
  orms.map((orm) => [
    orm,
    JSON.parse(readFileSync(join(fixtures, `${orm}.json`), 'utf8')) as Step[],
  ]),
) as Record<(typeof orms)[number], Step[]>

const schema = readFileSync(join(fixtures, 'schema.sql'), 'utf8')

let server: Server
let url: string

beforeAll(async () => {
  server = await Server.start()
  url = await server.createDatabase()
})
afterAll(async () => {
  await server?.dispose()
})

it('there are at least 200 texts, and each is read, written and read again as the same tree', async () => {
  const parser = await loadParser()
  const all = new Set(Object.values(texts).flatMap((list) => list.map(({ text }) => text)))
  expect(all.size).toBeGreaterThanOrEqual(200)
  for (const text of all) {
    const tree = parser!.read(text)
    expect(parser!.write(tree!), text).toBeDefined()
  }
})

describe.each(orms)('statements of %s', (orm) => {
  it('leave the same rows when their transaction is killed, or diverge', async () => {
    const untouched = essence(await fateOf(server, url, schema, [], []))
    let diverged = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...texts[orm].keys()), { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(fc.nat({ max: 4 }), { minLength: 1, maxLength: 3 }),
        async (picks, kills) => {
          const steps = picks.map((pick) => texts[orm][pick] as Step)
          const alive = await fateOf(server, url, schema, steps, [])
          const killed = await fateOf(server, url, schema, steps, kills)
          if (killed.code === '40001') {
            diverged++
            expect(essence(killed)).toBe(untouched)
          } else {
            expect(killed.code).toBe(alive.code)
            expect(essence(killed)).toBe(essence(alive))
            expect(killed.answers.map((rows) => rows.length)).toEqual(
              alive.answers.map((rows) => rows.length),
            )
          }
        },
      ),
      { numRuns: 25 },
    )
    // Nobody competes here, and what only a later SELECT shows is seldom picked.
    expect(diverged).toBeLessThanOrEqual(5)
  })
})
