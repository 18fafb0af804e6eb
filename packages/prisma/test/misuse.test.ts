import { PrismaPg } from '@prisma/adapter-pg'
import { reprise as atPool } from '@reprise/pg'
import { isReprised, reprise, repriseAdapter } from '@reprise/prisma'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { generated } from './shop/shop.ts'

const connectionString = 'postgres://nobody@127.0.0.1:1/none'
const { PrismaClient } = await generated()

test.each<[string, () => unknown, RegExp]>([
  ['the extension', () => new PrismaPg({ connectionString, ...reprise() }), /is the extension/],
  ['the extension uncalled', () => new PrismaPg({ ...reprise }), /is the extension/],
  ['the line uncalled', () => new PrismaPg({ ...atPool }), /to be called/],
  ['an adapter', () => repriseAdapter(new PrismaPg(connectionString) as never), /in place of a Pr/],
  ['a pool for options', () => reprise(new pg.Pool() as never), /this is a pool or a client/],
  [
    'an option of Reprise among those of the pool',
    () => repriseAdapter({ connectionString, deadline: 5 } as never),
    /'deadline' is an option of Reprise.*\{ deadline \}/,
  ],
])('%s in the wrong place is refused with a sentence', (_, act, sentence) => {
  expect(act).toThrow(TypeError)
  expect(act).toThrow(sentence)
})

describe('isReprised', () => {
  const line = new PrismaPg({ connectionString, ...atPool() })
  const pooled = new PrismaPg(new pg.Pool({ ...atPool() }))
  test.each([
    ['a client on the door', new PrismaClient({ adapter: repriseAdapter(connectionString) }), true],
    [
      'a client that is extended',
      new PrismaClient({ adapter: repriseAdapter(connectionString) })
        .$extends(reprise())
        .$extends({ client: {} }),
      true,
    ],
    ['an adapter of the door', repriseAdapter(connectionString), true],
    ['a client on the line', new PrismaClient({ adapter: line }), true],
    ['a client on a pool that took the line', new PrismaClient({ adapter: pooled }), true],
    ['a plain client', new PrismaClient({ adapter: new PrismaPg({ connectionString }) }), false],
    ['a plain client on a string', new PrismaClient({ adapter: new PrismaPg('') }), false],
    ['a pool that took the line', new pg.Pool({ ...atPool() }), true],
    ['a plain pool', new pg.Pool(), false],
    ['nothing', undefined, false],
  ])('of %s', (_, value, expected) => {
    expect(isReprised(value)).toBe(expected)
  })
})
