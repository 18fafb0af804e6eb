import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copy from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { failure, proxied, withThrowaway } from './support.ts'

/*
 * An error that nothing follows: the connection ends before ReadyForQuery. It may have been raised while
 * the commit was made durable (a PANIC, which only its localised severity tells from any other), and then
 * the commit may be found when the server has recovered.
 */

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

type Use = (client: pg.ClientBase) => Promise<unknown>

const ways: readonly [name: string, use: Use, told: object][] = [
  ['a read', (client) => client.query('SELECT 1 / (a - 1) FROM t'), { code: '22012' }],
  ['a read with values', (client) => client.query('SELECT 1 / $1::int', [0]), { code: '22012' }],
  [
    'a read of what writes before it fails',
    (client) => client.query('SELECT 1 / (noted() - 1)'),
    { code: '22012' },
  ],
  ['a write', (client) => client.query('INSERT INTO t VALUES (1)'), { code: '23505' }],
  [
    'a write that a deferred constraint refuses',
    (client) => client.query('INSERT INTO u VALUES (7)'),
    { code: '23503' },
  ],
  [
    'several writes',
    (client) => client.query('INSERT INTO t VALUES (2); INSERT INTO t VALUES (1)'),
    { outcome: 'in-doubt' },
  ],
  [
    'a procedure',
    (client) => client.query('DO $$BEGIN INSERT INTO t VALUES (1); END$$'),
    { outcome: 'in-doubt' },
  ],
  [
    'a COMMIT that a deferred constraint refuses',
    async (client) => {
      await client.query('BEGIN')
      await client.query('INSERT INTO u VALUES (7)')
      await client.query('COMMIT')
    },
    { code: '23503' },
  ],
  [
    'a write in a transaction',
    async (client) => {
      await client.query('BEGIN')
      await client.query('INSERT INTO t VALUES (1)')
    },
    { code: '23505' },
  ],
  [
    'a query of the own making',
    (client) =>
      new Promise((resolve, reject) => {
        client
          .query(new pg.Query('INSERT INTO t VALUES (1)'))
          .on('end', resolve)
          .on('error', reject)
      }),
    { outcome: 'in-doubt' },
  ],
  [
    'a COPY',
    (client) => pipeline(Readable.from(['1\n']), client.query(copy.from('COPY t FROM STDIN'))),
    { outcome: 'in-doubt' },
  ],
  [
    'a cursor',
    (client) => client.query(new Cursor('SELECT 1 / (a - 1) FROM t')).read(1),
    { code: '22012' },
  ],
]

describe('an error with the end of the connection behind it', () => {
  it.each(ways)('of %s is told for what it proves', async (_name, use, told) => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query(`CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1);
      CREATE TABLE notes (a int);
      CREATE FUNCTION noted() RETURNS int LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO notes VALUES (1); RETURN 1; END$$;
      CREATE TABLE u (a int REFERENCES t DEFERRABLE INITIALLY DEFERRED)`)
    await withThrowaway(link.url, async (client) => {
      await client.query('SELECT 1')
      let failed = false
      link.proxy.onFrame((frame) => {
        if (frame.from !== 'server' || frame.connection !== 1) return 'pass'
        if (frame.type === 'E') failed = true
        return failed && frame.type === 'Z' ? 'reset' : 'pass'
      })
      expect(await failure(use(client))).toMatchObject(told)
      expect(failed).toBe(true)
    })
    // Whatever was told, nothing of it is there.
    const { rows } = await admin.query(
      'SELECT (SELECT count(*)::int FROM t) AS t, (SELECT count(*)::int FROM u) AS u',
    )
    expect(rows).toEqual([{ t: 1, u: 0 }])
    await admin.end()
  })
  it.each(ways)('of %s is plain where the connection lives on', async (_name, use) => {
    const url = await server.createDatabase()
    await withThrowaway(url, async (client) => {
      await client.query(`CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1);
        CREATE FUNCTION noted() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE TABLE u (a int REFERENCES t DEFERRABLE INITIALLY DEFERRED)`)
      const error = await failure(use(client))
      expect(error.outcome).toBeUndefined()
      expect(error.code).toMatch(/^2/)
    })
  })
})
