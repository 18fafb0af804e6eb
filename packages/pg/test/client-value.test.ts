import { beforeAll, expect, it, vi } from 'vitest'
import { both, caught, createDatabase } from './compare.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

const date = new Date('2020-02-29T12:34:56.789Z')
const values: [string, unknown, string][] = [
  ['null', null, 'text'],
  ['undefined', undefined, 'text'],
  ['a number', 1.5, 'float8'],
  ['NaN', Number.NaN, 'float8'],
  ['a bigint', 2n ** 62n, 'int8'],
  ['a boolean', true, 'bool'],
  ['a date', date, 'timestamptz'],
  ['a Buffer', Buffer.from([0, 255, 39]), 'bytea'],
  ['a Uint8Array', new Uint8Array([1, 2]).subarray(1), 'bytea'],
  ['a DataView', new DataView(new ArrayBuffer(2)), 'bytea'],
  ['an array', [1, null, 3], 'int[]'],
  ['an empty array', [], 'int[]'],
  [
    'nested arrays',
    [
      ['a"b', 'c,d'],
      ['\\', 'NULL'],
    ],
    'text[]',
  ],
  ['an array of dates', [date], 'timestamptz[]'],
  ['an array of Buffers', [Buffer.from('x')], 'bytea[]'],
  ['an object', { a: [1, { b: null }] }, 'json'],
  [
    'an object with toPostgres',
    { toPostgres: (map: (value: unknown) => unknown) => map([1, 2]) },
    'int[]',
  ],
  ['an object with toJSON', { toJSON: () => 'told' }, 'json'],
  ['text of all kinds', 'ä\u{1F600}\n\'"\\$1', 'text'],
  ['text with a NUL', 'a\0b', 'text'],
]

it.each(values)(
  '%s as a value: as with a plain client, alone, in a write and prepared',
  async (_name, value, type) => {
    const { plain, session } = await both({ connectionString: url }, async (client) => {
      await client.connect()
      await client.query(`CREATE TEMP TABLE v (a ${type})`)
      const name = `v${type.replace(/\W/g, '_')}`
      return [
        await caught(client.query(`SELECT $1::${type} AS a`, [value])),
        await caught(client.query('INSERT INTO v VALUES ($1) RETURNING a', [value])),
        await caught(
          client.query({ name, text: 'INSERT INTO v VALUES ($1) RETURNING a', values: [value] }),
        ),
        await caught(
          client.query({ name, text: 'INSERT INTO v VALUES ($1) RETURNING a', values: [value] }),
        ),
      ]
    })
    expect(session).toEqual(plain)
  },
)
