import { repriseClient } from '@reprise/pg'
import pg from 'pg'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { FakeServer, fatal } from '../../../test/kit/index.ts'
import { failure } from './support.ts'

type Made = (config: pg.ClientConfig) => pg.Client
type Failing = (make: Made) => Promise<unknown>

/** A query with a limit of its own, which the types of pg do not know. */
const within = (query_timeout: number, text: string): pg.QueryConfig =>
  ({ text, query_timeout }) as pg.QueryConfig

let nobody: string
beforeAll(async () => {
  const server = await FakeServer.start((peer) => peer.hang())
  await server.close()
  nobody = server.url
})

/** What a session says in the same place may say more, but not otherwise. */
const situations: [string, string, Failing][] = [
  [
    'a port where nobody listens',
    'not-sent',
    (make) => make({ connectionString: nobody }).connect(),
  ],
  [
    'a server that never answers',
    'not-sent',
    async (make) => {
      await using silent = await FakeServer.start((peer) => peer.hang())
      await make({ connectionString: silent.url, connectionTimeoutMillis: 100 }).connect()
    },
  ],
  [
    'a server that is starting',
    'not-sent',
    async (make) => {
      await using server = await FakeServer.start(async (peer) => {
        await peer.read()
        await peer.send(fatal('57P03', 'ProcessStartupPacket'))
      })
      await make({ connectionString: server.url }).connect()
    },
  ],
  [
    'a query that takes too long',
    'in-doubt',
    async (make) => {
      const client = make({ connectionString: inject('serverUrl'), query_timeout: 50 })
      await client.connect()
      await client.query('SELECT pg_sleep(60)').finally(() => client.end())
    },
  ],
  [
    'a transaction whose statement takes too long',
    'rolled-back',
    async (make) => {
      const client = make({ connectionString: inject('serverUrl') })
      await client.connect()
      await client.query('BEGIN')
      await client.query(within(50, 'SELECT pg_sleep(60)')).finally(() => client.end())
    },
  ],
  [
    'a query that waits too long for its turn',
    'not-sent',
    async (make) => {
      const client = make({ connectionString: inject('serverUrl') })
      await client.connect()
      const first = client.query('SELECT pg_sleep(60)')
      const behind = client.query(within(50, 'SELECT 1'))
      await behind.finally(() => {
        first.catch(() => undefined)
        return client.end()
      })
    },
  ],
  [
    'a client that is closed over its query',
    'in-doubt',
    async (make) => {
      const client = make({ connectionString: inject('serverUrl') })
      await client.connect()
      const answer = client.query('SELECT pg_sleep(60)')
      answer.catch(() => undefined)
      await client.end()
      await answer
    },
  ],
  [
    'a client that is closed over what waits',
    'not-sent',
    async (make) => {
      const client = make({ connectionString: inject('serverUrl') })
      await client.connect()
      client.query('SELECT pg_sleep(60)').catch(() => undefined)
      const answer = client.query('SELECT 1')
      answer.catch(() => undefined)
      await client.end()
      await answer
    },
  ],
]

const Client = repriseClient(pg.Client, { deadline: 200, backoff: { base: 10, cap: 20 } })

describe('is told in the words and the code of pg, with the outcome beside them:', () => {
  it.each(situations)('%s', async (_, outcome, fail) => {
    const ours = await failure(fail((config) => new Client(config)))
    const plain = await failure(fail((config) => new pg.Client(config)))
    expect(plain).not.toHaveProperty('outcome')
    expect(ours.message).toBe(plain.message)
    expect(ours).toMatchObject({ outcome, ...(plain.code ? { code: plain.code } : {}) })
  })
})

describe('what waiting does not mend is the very error that pg has:', () => {
  const refusals: [string, pg.ClientConfig, string][] = [
    ['a database that is not there', { database: 'nowhere' }, '3D000'],
    ['a role that is not there', { user: 'nobody' }, '28000'],
    ['a host that is not there', { host: 'no.such.host.invalid' }, 'ENOTFOUND'],
  ]
  it.each(refusals)('%s', async (_, over, code) => {
    const { hostname, port } = new URL(inject('serverUrl'))
    const config = { host: hostname, port: Number(port), user: 'postgres', ...over }
    const [ours, plain] = [
      await failure(new Client(config).connect()),
      await failure(new pg.Client(config).connect()),
    ]
    expect(ours).toEqual(plain)
    expect(ours.code).toBe(code)
  })

  it('a wrong password', async () => {
    await using server = await FakeServer.start(async (peer) => {
      await peer.read()
      await peer.send(fatal('28P01', 'auth_failed', { file: 'auth.c' }))
    })
    const [ours, plain] = [
      await failure(new Client(server.url).connect()),
      await failure(new pg.Client(server.url).connect()),
    ]
    expect(ours).toEqual(plain)
    expect(ours.code).toBe('28P01')
  })
})
