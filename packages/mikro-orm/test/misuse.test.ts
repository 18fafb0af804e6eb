import { defineEntity, MikroORM, p } from '@mikro-orm/postgresql'
import { isReprised, reprise } from '@reprise/mikro-orm'
import { reprise as atPool } from '@reprise/pg'
import pg from 'pg'
import { afterEach, describe, expect, inject, test } from 'vitest'

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary() } })
const plain = () => ({ clientUrl: inject('serverUrl'), entities: [Note] })
const opened: MikroORM[] = []
afterEach(async () => {
  for (const orm of opened.splice(0)) await orm.close()
})

const wrong = (config: object) => () => reprise(config as Parameters<typeof reprise>[0])

test.each<[string, () => unknown, RegExp]>([
  ['options of Reprise', wrong({ deadline: 5 }), /driverOptions: reprise\(\{ deadline \}\)/],
  ['options among others', wrong({ ...plain(), exactlyOnce: true }), /'exactlyOnce' is an option/],
  ['an ORM', wrong({ driver: {} }), /not reprise\(orm\)/],
  ['the door spread', () => ({ driverOptions: { ...reprise } }), /driverOptions: reprise\(\)/],
  ['the line uncalled', () => ({ driverOptions: { ...atPool } }), /to be called/],
])('%s in the wrong place: refused with a sentence', (_, act, sentence) => {
  expect(act).toThrow(TypeError)
  expect(act).toThrow(sentence)
})

test.each(['hosts', 'target', 'loadBalanceHosts'] as const)(
  '%s beside replicas, for all of which it would count, is refused with a sentence',
  (name) => {
    const options = { [name]: { hosts: ['a'], target: 'any', loadBalanceHosts: 'random' }[name] }
    expect(() => reprise({ ...plain(), replicas: [{ host: '127.0.0.1' }] }, options)).toThrow(
      `Reprise option '${name}' would count for every server of replicas alike`,
    )
  },
)

describe('isReprised', () => {
  const replicas = () => [{ host: '127.0.0.1' }]
  test.each([
    ['the door', () => reprise(plain()), true],
    ['the line', () => ({ ...plain(), driverOptions: atPool() }), true],
    [
      'the line, with replicas',
      () => ({ ...plain(), driverOptions: atPool(), replicas: replicas() }),
      true,
    ],
    ['nothing', plain, false],
    [
      'the line, but a replica of its own making',
      () => ({
        ...plain(),
        driverOptions: atPool(),
        replicas: [{ clientUrl: inject('serverUrl'), driverOptions: { max: 1 } }],
      }),
      false,
    ],
  ])('of an ORM by %s', async (_, config, expected) => {
    const orm = await MikroORM.init({ ...config(), connect: false } as never)
    opened.push(orm)
    expect(isReprised(orm)).toBe(expected)
  })

  test('of a pool is that of the pool', () => {
    expect(isReprised(new pg.Pool({ ...atPool() }))).toBe(true)
    expect(isReprised(new pg.Pool())).toBe(false)
  })
})
