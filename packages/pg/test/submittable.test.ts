import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copy from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { beforeAll, expect, it, vi } from 'vitest'
import { type Body, caught, createDatabase, sameAsPlain, sessionOn } from './compare.ts'

vi.setConfig({ testTimeout: 20_000 })

let url: string
beforeAll(async () => {
  url = await createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query('CREATE TABLE t (a int)')
  await admin.end()
})

const collect = async (rows: AsyncIterable<unknown>): Promise<unknown[]> => {
  const all = []
  for await (const row of rows) all.push(row)
  return all
}

const same: [string, Body][] = [
  [
    'a cursor',
    async (client, note) => {
      const cursor = client.query(new Cursor('SELECT generate_series(1, $1::int) AS a', [5]))
      note(await cursor.read(2), await cursor.read(2), await cursor.read(2), await cursor.read(2))
      await cursor.close()
    },
  ],
  [
    'a cursor that is closed early',
    async (client, note) => {
      const cursor = client.query(new Cursor('SELECT generate_series(1, 500) AS a'))
      note(await cursor.read(2))
      await cursor.close()
    },
  ],
  [
    'a cursor over a wrong statement',
    async (client, note) => {
      const cursor = client.query(new Cursor('SELECT nothing'))
      note(await caught(cursor.read(2)))
      await cursor.close()
    },
  ],
  [
    'a cursor that fails in its midst',
    async (client, note) => {
      const cursor = client.query(
        new Cursor('SELECT 1 / (3 - a) AS a FROM generate_series(1, 5) a'),
      )
      note(await cursor.read(2), await caught(cursor.read(2)))
      await cursor.close()
    },
  ],
  [
    'a query stream',
    async (client, note) => {
      note(
        await collect(
          client.query(new QueryStream('SELECT generate_series(1, 7) AS a', [], { batchSize: 3 })),
        ),
      )
    },
  ],
  [
    'a query stream that is left',
    async (client, note) => {
      for await (const row of client.query(
        new QueryStream('SELECT generate_series(1, 7000) AS a'),
      )) {
        note(row)
        break
      }
    },
  ],
  [
    'a query stream that fails',
    async (client, note) => {
      note(
        await caught(
          collect(
            client.query(new QueryStream('SELECT 1 / (3 - a) AS a FROM generate_series(1, 5) a')),
          ),
        ),
      )
    },
  ],
  [
    'COPY to us',
    async (client, note) => {
      note(
        Buffer.concat(
          (await collect(
            client.query(copy.to('COPY (SELECT generate_series(1, 3)) TO STDOUT')),
          )) as Buffer[],
        ).toString(),
      )
    },
  ],
  [
    'COPY from us',
    async (client, note) => {
      await client.query('BEGIN')
      const stream = client.query(copy.from('COPY t FROM STDIN'))
      await pipeline(Readable.from(['1\n', '2\n']), stream)
      note(stream.rowCount, (await client.query('SELECT * FROM t')).rows)
      await client.query('ROLLBACK')
    },
  ],
  [
    'COPY of nonsense',
    async (client, note) => {
      note(
        await caught(
          pipeline(Readable.from(['x\n']), client.query(copy.from('COPY t FROM STDIN'))),
        ),
      )
    },
  ],
  [
    'a query of events',
    async (client, note) => {
      const query = client.query(new pg.Query('SELECT generate_series(1, 3) AS a'))
      query.on('row', (row) => note('row', row))
      await new Promise((resolve) => query.on('end', resolve))
    },
  ],
  [
    'a query of events that fails',
    async (client, note) => {
      const query = client.query(new pg.Query('SELECT 1/0'))
      note(await new Promise((resolve) => query.on('error', resolve)))
    },
  ],
  [
    'a query with a callback',
    async (client, note) => {
      await new Promise<void>((resolve) => {
        client.query(
          new pg.Query('SELECT 1 AS a') as never,
          ((error: unknown, result: unknown) => {
            note(error, result)
            resolve()
          }) as never,
        )
      })
    },
  ],
]

/** Each is followed by a statement that must find the client in order. */
const followed = same.map(([name, body]): [string, Body] => [
  name,
  async (client, note) => {
    await client.connect()
    await body(client, note)
    return client.query('SELECT 1 AS a')
  },
])

sameAsPlain(() => url, followed)

it.each([
  ['a cursor', () => new Cursor('SELECT 1 AS a')],
  ['a query stream', () => new QueryStream('SELECT 1 AS a')],
  ['a query of its own', () => new pg.Query('SELECT 1 AS a')],
] as const)(
  'after %s drain comes once, though the session then asks something itself',
  async (_name, make) => {
    // Nobody has read this database's catalog yet, so the first session of it has to.
    const client = sessionOn(await createDatabase())
    await client.connect()
    let drained = 0
    const once = new Promise<void>((resolve) => {
      client.on('drain', () => {
        drained += 1
        resolve()
      })
    })
    const made = client.query(make() as never) as unknown
    if (made instanceof Cursor) await made.read(2)
    else if (made instanceof QueryStream) await collect(made)
    await once
    await client.query('SELECT 1')
    expect(drained).toBe(2)
    await client.end()
  },
)
