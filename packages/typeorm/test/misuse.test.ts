import { reprise as atPool } from '@reprise/pg'
import pg from 'pg'
import { DataSource } from 'typeorm'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { isReprised, RepriseSubscriber, reprise, repriseSubscriber } from '../src/index.ts'

const plain = () => ({ type: 'postgres' as const, url: inject('serverUrl'), poolSize: 1 })
const opened: DataSource[] = []

afterEach(async () => {
  for (const source of opened.splice(0)) if (source.isInitialized) await source.destroy()
})

function open(options: ConstructorParameters<typeof DataSource>[0]): DataSource {
  const source = new DataSource(options)
  opened.push(source)
  return source
}

const wrong = (options: object) => () => reprise(options as Parameters<typeof reprise>[0])

test.each<[string, () => unknown, RegExp]>([
  ['the line uncalled', () => open({ ...plain(), extra: { ...atPool } }), /to be called/],
  ['the door spread', () => open({ ...plain(), extra: { ...reprise } }), /extra: reprise\(\)/],
  ['an option of Reprise', wrong({ ...plain(), deadline: 5 }), /'deadline' is an option of Rep/],
  ['a pool', wrong({ ...plain(), extra: new pg.Pool() }), /and not a pool/],
])('%s in the wrong place is refused with a sentence', (_, act, sentence) => {
  expect(act).toThrow(TypeError)
  expect(act).toThrow(sentence)
})

test.each(['hosts', 'target', 'loadBalanceHosts'] as const)(
  '%s beside replicas, for all of which it would count, is refused by the door and the subscriber',
  async (name) => {
    const options = { [name]: { hosts: ['a'], target: 'any', loadBalanceHosts: 'random' }[name] }
    const { url, ...more } = plain()
    const replicated = { ...more, replication: { master: { url }, slaves: [{ url }] } }
    const sentence = `Reprise option '${name}' would count for every server of replication alike`
    expect(() => reprise(replicated, options)).toThrow(sentence)
    const subscribed = { ...replicated, subscribers: [repriseSubscriber(options)] }
    expect(() => reprise(subscribed)).toThrow(sentence)
    const source = open(subscribed)
    await expect(source.initialize()).rejects.toThrow(sentence)
  },
)

describe('isReprised, before initialize() and after it,', () => {
  test.each([
    ['the door', () => reprise(plain()), true],
    ['the line', () => ({ ...plain(), extra: atPool() }), true],
    ['the subscriber', () => ({ ...plain(), subscribers: [RepriseSubscriber] }), true],
    ['nothing', plain, false],
    ['a Client of somebody else', () => ({ ...plain(), extra: { Client: pg.Client } }), false],
  ])('of a data source by %s', async (_, options, expected) => {
    const source = open(options())
    expect(isReprised(source)).toBe(expected)
    await source.initialize()
    expect(isReprised(source)).toBe(expected)
  })

  test('of one whose replicas are not all on sessions is false', async () => {
    const { url } = plain()
    const source = open({ ...plain(), replication: { master: { url }, slaves: [{ url }] } })
    await source.initialize()
    const { master } = source.driver as unknown as { master: { Client: unknown } }
    master.Client = atPool().Client
    expect(isReprised(source)).toBe(false)
  })

  test('of a pool is that of the pool', () => {
    expect(isReprised(new pg.Pool({ ...atPool() }))).toBe(true)
    expect(isReprised(new pg.Pool())).toBe(false)
  })
})
