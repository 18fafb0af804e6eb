import pg from 'pg'
import { beforeAll, vi } from 'vitest'
import { type Body, caught, connected, createDatabase, sameAsPlain, weird } from './compare.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(
    'CREATE TABLE t (id int PRIMARY KEY, note text NOT NULL, n int CONSTRAINT big CHECK (n < 10))',
  )
  await admin.query("INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)")
  await admin.end()
})

const errors: [string, Body][] = [
  [
    'a name that is used for another text',
    async (client) => [
      await client.query({ name: 's', text: 'SELECT 1' }),
      await caught(client.query({ name: 's', text: 'SELECT 2' })),
      await client.query('SELECT 3'),
    ],
  ],
  [
    'a prepared statement that was deallocated',
    async (client) => [
      await client.query({ name: 's', text: 'SELECT 1' }),
      await client.query('DEALLOCATE s'),
      await caught(client.query({ name: 's', text: 'SELECT 1' })),
      await client.query('SELECT 3'),
    ],
  ],
  [
    'a parser that throws',
    async (client, note) => {
      const types = {
        getTypeParser: () => () => {
          throw new Error('cannot parse')
        },
      }
      note(await caught(client.query({ text: 'SELECT id FROM t', types })))
      note(await caught(client.query({ text: 'UPDATE t SET n = n RETURNING n', types })))
      return client.query('SELECT 2 AS a')
    },
  ],
  [
    'several statements in the extended protocol',
    async (client) => [
      await caught(client.query(weird({ text: 'SELECT 1; SELECT 2', queryMode: 'extended' }))),
      await client.query('SELECT 3'),
    ],
  ],
  [
    'several statements with an error among them',
    async (client) => [
      await caught(client.query('SELECT 1; SELECT 1/0; SELECT 2')),
      await client.query('SELECT 3'),
    ],
  ],
  [
    'a syntax error',
    async (client) => [
      await caught(client.query('SELEC 1')),
      await caught(client.query('SELEC $1', [1])),
    ],
  ],
  [
    'a duplicate key',
    async (client) => [
      await caught(client.query("INSERT INTO t VALUES (1, 'x', 1)")),
      await client.query('SELECT 1'),
    ],
  ],
  ['a failed check', (client) => client.query('UPDATE t SET n = 100')],
  ['a null', (client) => client.query('INSERT INTO t VALUES (9, $1)', [null])],
  [
    'an error in a function',
    (client) =>
      client.query(
        "DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'd', HINT = 'h', ERRCODE = '57P01', COLUMN = 'c', CONSTRAINT = 'k', DATATYPE = 'ty', TABLE = 'ta', SCHEMA = 's'; END $$",
      ),
  ],
  [
    'too few values',
    async (client) => [
      await caught(client.query('SELECT $1::int, $2::int', [1])),
      await client.query('SELECT 1'),
    ],
  ],
  [
    'values that are no array',
    async (client) => [
      await caught(client.query('SELECT $1', weird('x'))),
      await client.query('SELECT 1'),
    ],
  ],
  [
    'a value that cannot be JSON',
    async (client) => {
      const circular: { self?: unknown } = {}
      circular.self = circular
      return [
        await caught(client.query('SELECT $1::json', [circular])),
        await caught(client.query('INSERT INTO t VALUES ($1)', [circular])),
        await client.query('SELECT 1'),
      ]
    },
  ],
  [
    'a value that throws',
    async (client) => [
      await caught(
        client.query('SELECT $1', [
          {
            toPostgres: () => {
              throw new Error('will not')
            },
          },
        ]),
      ),
      await client.query('SELECT 1'),
    ],
  ],
  [
    'neither text nor name',
    async (client) => [await caught(client.query(weird({}))), await client.query('SELECT 1')],
  ],
  [
    'a text that is none',
    async (client) => [
      await caught(client.query(weird({ text: 5 }))),
      await caught(client.query(weird({ text: new String('SELECT 1') }))),
      await client.query('SELECT 1'),
    ],
  ],
  ['no query at all', (client) => client.query(weird(null))],
  ['a callback that is none', (client) => client.query(weird({ text: 'SELECT 1', callback: 5 }))],
  [
    'a COPY that nobody feeds',
    async (client) => [
      await caught(client.query('COPY t FROM STDIN')),
      await client.query('SELECT 1'),
    ],
  ],
]

sameAsPlain(() => url, connected(errors))
