import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copy from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Frame, outcomeOf, Server, until } from '../../../test/kit/index.ts'
import { kill, poolOn, proxied, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/**
 * What a session does first on its connection, which is frozen before this frame comes back: the first of
 * all, where the question who is there goes in the same write, or the tag.
 */
const beginnings: [first: string, texts: string[], told?: string][] = [
  ['1', ['UPDATE t SET n = n + 1'], 'in-doubt'],
  ['1', ['BEGIN', 'UPDATE t SET n = n + 1']],
  ['1', ['BEGIN', 'UPDATE t SET n = n + 1 RETURNING n']],
  ['1', ['BEGIN', 'SELECT n FROM t FOR UPDATE']],
  ['1', ['BEGIN', 'TRUNCATE t']],
  ['DO', ['BEGIN', 'DO $$BEGIN UPDATE t SET n = n + 1; END$$']],
  ['1', ['BEGIN', 'EXPLAIN ANALYZE UPDATE t SET n = n + 1']],
  ['BEGIN', ['BEGIN; UPDATE t SET n = n + 1']],
  ['DO', ['DO $$BEGIN UPDATE t SET n = n + 1; END$$'], 'in-doubt'],
  ['LOCK TABLE', ['BEGIN', 'LOCK TABLE t IN EXCLUSIVE MODE']],
  ['LOCK TABLE', ['BEGIN ISOLATION LEVEL SERIALIZABLE', 'LOCK TABLE t IN EXCLUSIVE MODE']],
  ['UPDATE 1', ['BEGIN', 'UPDATE t SET n = n + 1; SELECT 1']],
]

type Use = (client: pg.ClientBase) => Promise<unknown>

/** What drives the wire itself, and takes locks. */
const driving: readonly [name: string, use: Use][] = [
  ['a cursor', (client) => client.query(new Cursor('SELECT n FROM t FOR UPDATE')).read(10)],
  [
    'a query stream',
    async (client) => {
      for await (const _ of client.query(new QueryStream('UPDATE t SET n = n + 1 RETURNING n')));
    },
  ],
  [
    'a COPY',
    (client) => pipeline(Readable.from(['1\n']), client.query(copy.from('COPY t FROM STDIN'))),
  ],
  [
    'a query of the own making',
    (client) =>
      new Promise((resolve, reject) => {
        client
          .query(new pg.Query('UPDATE t SET n = n + 1; SELECT 1'))
          .on('end', resolve)
          .on('error', reject)
      }),
  ],
]

/** The connection is the first of its session, or comes after one whose backend said goodbye. */
const connections = ['first', 'second'] as const

describe.each(connections)(
  'a backend that was lost with the very first answers of a %s connection',
  (which) => {
    it.each(beginnings)(
      'leaves no lock behind for what comes next, before %s: %j',
      async (first, texts, outcome) => {
        await using link = await proxied(server)
        const admin = new pg.Client({ connectionString: link.direct })
        await admin.connect()
        await admin.query('CREATE TABLE t AS SELECT 0 AS n')
        const told = await withThrowaway(
          link.url,
          async (client) => {
            if (which === 'second') {
              await client.query('SELECT 1')
              await kill(server, client)
            }
            let at = 0
            let frozen = false
            link.proxy.onFrame((frame: Frame) => {
              if (frozen || at < texts.length || frame.from !== 'server') return 'pass'
              if ((frame.type === 'C' ? frame.text : frame.type) !== first) return 'pass'
              frozen = true
              return 'freeze'
            })
            let told: unknown
            for (const text of texts) {
              at += 1
              told = await client.query(text).catch((error: unknown) => error)
            }
            expect(frozen).toBe(true)
            await client.query('ROLLBACK').catch(() => undefined)
            return outcomeOf(told)
          },
          { probeAfter: 100 },
        )
        // Whatever was told, nothing of it goes on.
        const { rows } = await admin.query(
          "SELECT pid FROM pg_locks WHERE relation = 't'::regclass AND pid <> pg_backend_pid()",
        )
        expect({ told, rows }).toEqual({ told: outcome, rows: [] })
        await admin.end()
      },
      10_000,
    )
  },
)

describe('a backend that was lost with the first of what drives the wire itself', () => {
  it.each(
    driving.flatMap(([name, use]) => [[name, false, use] as const, [name, true, use] as const]),
  )(
    'leaves no lock behind once anything else was asked for: %s, in a transaction: %s',
    async (_name, opens, use) => {
      await using link = await proxied(server)
      const admin = new pg.Client({ connectionString: link.direct })
      await admin.connect()
      await admin.query('CREATE TABLE t AS SELECT 0 AS n')
      const pool = poolOn(link.url, {}, { query_timeout: 500 })
      const client = await pool.connect()
      let armed = false
      link.proxy.onFrame((frame: Frame) => {
        if (!armed || frame.from !== 'server' || frame.type !== 'C') return 'pass'
        if (!/^(COPY|SELECT|UPDATE)/.test(frame.text)) return 'pass'
        armed = false
        return 'freeze'
      })
      if (opens) await client.query('BEGIN')
      // Behind the question who is there.
      const asked = link.proxy.onFrame((frame) => {
        armed ||= frame.from === 'client' && /\bt\b/.test(frame.text) && frame.type !== 'startup'
        return 'pass'
      })
      const error = await use(client).then(
        () => undefined,
        (failed: Error) => failed,
      )
      asked()
      expect(error).toBeDefined()
      await client.query('ROLLBACK').catch(() => undefined)
      await client.query({ text: 'SELECT 1', query_timeout: 20_000 } as pg.QueryConfig)
      const { rows } = await admin.query(
        "SELECT pid FROM pg_locks WHERE relation = 't'::regclass AND pid <> pg_backend_pid()",
      )
      expect(rows).toEqual([])
      client.release(true)
      await pool.end()
      await admin.end()
    },
    20_000,
  )
})

describe('what must come before any query of its transaction', () => {
  it.each([
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1',
    'SET TRANSACTION READ WRITE, ISOLATION LEVEL REPEATABLE READ; DO $$BEGIN END$$',
    'SET LOCAL work_mem = 9999; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; TABLE pg_class',
  ])('does, on a new connection as well: %s', async (text) => {
    await using link = await proxied(server)
    await withThrowaway(link.url, async (client) => {
      await client.query('BEGIN')
      await client.query(text)
      const { rows } = await client.query('SHOW transaction_isolation')
      expect(rows[0].transaction_isolation).not.toBe('read committed')
      await client.query('ROLLBACK')
    })
  })
})

describe('LOCK as the first statement of a transaction', () => {
  it('has its snapshot taken when it has the lock, on a new connection as well', async () => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query('CREATE TABLE t AS SELECT 0 AS n')
    await withThrowaway(link.url, async (client) => {
      await admin.query('BEGIN')
      await admin.query('UPDATE t SET n = 1')
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      const locked = client.query('LOCK TABLE t IN EXCLUSIVE MODE')
      const waits = async (): Promise<boolean> => {
        const text = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return (await server.sql(text)).length > 0
      }
      await until(waits, { what: 'the lock to be waited for' })
      await admin.query('COMMIT')
      await locked
      expect((await client.query('SELECT n FROM t')).rows).toEqual([{ n: 1 }])
      await client.query('COMMIT')
    })
    await admin.end()
  })
})
