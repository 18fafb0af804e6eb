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

/** Waits for a callback, and notes what it is called with. */
function called(
  note: (...seen: unknown[]) => void,
  start: (done: (...all: unknown[]) => void) => unknown,
): Promise<void> {
  return new Promise((resolve) => {
    note(
      'returns',
      start((...all: unknown[]) => {
        note('callback', ...all)
        resolve()
      }),
    )
  })
}

const answers: [string, Body][] = [
  [
    'a callback that gets an error',
    (client, note) => called(note, (done) => client.query('SELECT 1/0', done)),
  ],
  ['a promise', (client) => client.query('SELECT 1 AS a, NULL AS b')],
  ['a promise with values', (client) => client.query('SELECT $1::int AS a', [7])],
  ['a callback', (client, note) => called(note, (done) => client.query('SELECT 1 AS a', done))],
  [
    'a callback behind values',
    (client, note) => called(note, (done) => client.query('SELECT $1::int AS a', [7], done)),
  ],
  [
    'a callback in the config',
    (client, note) =>
      called(note, (done) => client.query(weird({ text: 'SELECT 1', callback: done }))),
  ],
  [
    'a callback behind the config',
    (client, note) =>
      called(note, (done) => client.query(weird({ text: 'SELECT $1::int', values: [1] }), done)),
  ],
  [
    'a prepared statement, twice',
    async (client) => [
      await client.query({ name: 's', text: 'SELECT $1::int AS a', values: [1] }),
      await client.query({ name: 's', text: 'SELECT $1::int AS a', values: [2] }),
    ],
  ],
  [
    'a prepared statement by its name alone',
    async (client) => [
      await client.query({ name: 's', text: 'SELECT $1::int AS a', values: [1] }),
      await client.query(weird({ name: 's', values: [2] })),
    ],
  ],
  [
    'a prepared statement that writes',
    async (client) => [
      await client.query({
        name: 'w',
        text: 'UPDATE t SET n = $1 WHERE id = 1 RETURNING n',
        values: [5],
      }),
      await client.query({
        name: 'w',
        text: 'UPDATE t SET n = $1 WHERE id = 1 RETURNING n',
        values: [1],
      }),
    ],
  ],
  ['rows as arrays', (client) => client.query({ text: 'SELECT 1 AS a, 2 AS a', rowMode: 'array' })],
  [
    'parsers of its own',
    (client) =>
      client.query({
        text: 'SELECT 1, now() IS NULL',
        types: { getTypeParser: () => (value: string) => `<${value}>` },
      }),
  ],
  [
    'a parser of the client',
    async (client) => {
      client.setTypeParser(23, (value) => `int ${value}`)
      return [
        client.getTypeParser(23)('1' as never),
        await client.query('SELECT 1 AS a, 1::int8 AS b'),
      ]
    },
  ],
  [
    'binary results',
    (client) =>
      client.query(weird({ text: 'SELECT $1::int4 AS a, true AS b', values: [7], binary: true })),
  ],
  [
    'the extended protocol',
    (client) => client.query(weird({ text: 'SELECT 1 AS a', queryMode: 'extended' })),
  ],
  [
    'pages of rows',
    async (client) => [
      await client.query(weird({ text: 'SELECT generate_series(1, 7) AS a', rows: 3 })),
      await client.query('SELECT 1'),
    ],
  ],
  [
    'several statements',
    (client) =>
      client.query("SELECT 1 AS a; UPDATE t SET note = 'one' WHERE id = 1; SELECT 2 AS b, 3 AS c"),
  ],
  ['a transaction in one message', (client) => client.query('BEGIN; SELECT 1 AS a; COMMIT')],
  ['an empty query', (client) => client.query('')],
  [
    'an empty query of the extended protocol',
    (client) => client.query(weird({ text: '', name: 'nothing' })),
  ],
  ['nothing but a semicolon', (client) => client.query(' ; ')],
  ['nothing but a comment', (client) => client.query('-- nothing')],
  ['a COPY that nobody reads', (client) => client.query('COPY (SELECT 1) TO STDOUT')],
  [
    'a transaction',
    async (client, note) => {
      for (const text of [
        'BEGIN',
        'UPDATE t SET n = 4 WHERE id = 2',
        'SAVEPOINT a',
        'SELECT 1/0',
        'SELECT 1',
        'ROLLBACK TO a',
        'SELECT n FROM t WHERE id = 2',
        'ROLLBACK',
      ]) {
        const answer = await caught(client.query(text))
        // A plain client rejects before it has heard the new status.
        note(text, answer, answer instanceof Error || client.getTransactionStatus())
      }
    },
  ],
  [
    'notices',
    async (client, note) => {
      client.on('notice', (notice) => note('notice', notice.message, notice.code))
      note(await client.query("DO $$ BEGIN RAISE NOTICE 'first'; RAISE WARNING 'second'; END $$"))
    },
  ],
  [
    'notifications',
    async (client, note) => {
      client.on('notification', ({ channel, payload }) => note('notification', channel, payload))
      note(await client.query('LISTEN c'))
      note(await client.query("NOTIFY c, 'x'"))
      note(await client.query("SELECT pg_notify('c', 'y')"))
    },
  ],
  [
    'drain',
    async (client, note) => {
      client.on('drain', () => note('drain'))
      await Promise.all(
        [client.query('SELECT 1'), client.query('SELECT 2')].map(async (answer) =>
          note((await answer).command),
        ),
      )
      await client.query('SELECT 3')
      await new Promise((resolve) => setImmediate(resolve))
    },
  ],
  ['escapes', (client) => [client.escapeIdentifier('a"b'), client.escapeLiteral("a'b\\")]],
  [
    'many statements at once',
    (client, note) =>
      Promise.all(
        Array.from({ length: 60 }, async (_, i) =>
          note(
            i,
            await caught(
              client.query(
                i % 7 === 3 ? 'SELECT 1/0' : 'SELECT $1::int AS a',
                i % 7 === 3 ? [] : [i],
              ),
            ),
          ),
        ),
      ),
  ],
  [
    'statements from inside callbacks',
    (client, note) =>
      new Promise<void>((resolve) => {
        client.query('SELECT 1 AS a', (_error, first) => {
          note(first)
          client.query('SELECT 1/0', (error) => {
            note(error)
            client.query('SELECT 2 AS a', (_error, last) => {
              note(last)
              resolve()
            })
          })
          client.query('SELECT 3 AS a', (_error, second) => note(second))
        })
      }),
  ],
  [
    'what the client knows of itself',
    (client) => {
      const { host, port, user, database, ssl, password, pipeline } = client as unknown as Record<
        string,
        unknown
      >
      return [
        host,
        port,
        user,
        database,
        ssl,
        password,
        pipeline,
        typeof (client as unknown as { processID: unknown }).processID,
        client.getTransactionStatus(),
      ]
    },
  ],
]

sameAsPlain(() => url, connected(answers))
