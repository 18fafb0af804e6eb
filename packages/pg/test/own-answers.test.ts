import { tokenTable } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { kill, listen, poolOn, proxied } from './support.ts'

/*
 * How the application reads its results is its own affair: what a session asks on its own account is
 * answered as text, and none of the application's parsers sees it.
 */

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

const { types } = pg

/** Whatever the application's own statements answer below. */
const known: readonly number[] = [types.builtins.INT4, types.builtins.TEXT]

const strict = {
  getTypeParser(oid: number) {
    if (!known.includes(oid)) throw new Error(`no parser for type ${oid}`)
    return (value: string) => value
  },
}
const throwing = {
  getTypeParser: (oid: number) => (value: string) => {
    if (!known.includes(oid)) throw new Error(`cannot read ${value}`)
    return value
  },
}

const readings: Readonly<Record<string, pg.PoolConfig>> = {
  'as ever': {},
  'in binary form': { binary: true } as pg.PoolConfig,
  'by parsers that know its own types alone': { types: strict as typeof types },
  'by parsers that throw': { types: throwing as typeof types },
}
const witnesses = { 'an id': 'xid', 'a token': { token: 'tokens' } } as const
const losses = { 'before it arrived': 'reset', 'with its answer': 'swallow' } as const

const ways = Object.keys(readings).flatMap((reading) =>
  (['an id', 'a token'] as const).flatMap((witness) =>
    (['before it arrived', 'with its answer'] as const).map((lost) => ({ reading, witness, lost })),
  ),
)

describe.each(ways)('a session that reads $reading, by $witness', ({ reading, witness, lost }) => {
  const options = { witness: witnesses[witness] }

  it(`does what a COMMIT that was lost ${lost} says, once`, async () => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query(`CREATE TABLE t (a int); ${tokenTable('tokens').create}`)
    using resolved = listen('reprise:resolve')
    const pool = poolOn(link.url, options, readings[reading])
    const client = await pool.connect()
    let done = false
    link.proxy.onFrame((frame) => {
      if (done || frame.from !== 'client' || frame.text !== 'COMMIT') return 'pass'
      done = true
      return losses[lost]
    })
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES ($1)', [1])
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect(resolved.seen[0]?.outcome).toBe(lost === 'with its answer' ? 'committed' : 'rolled-back')
    expect((await admin.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1 }])
    client.release()
    await pool.end()
    await admin.end()
  })
})

it.each(Object.keys(readings))('a session that reads %s has its state again', async (reading) => {
  const url = await server.createDatabase()
  const pool = poolOn(url, {}, readings[reading])
  const client = await pool.connect()
  await client.query(
    `CREATE FUNCTION tell(text) RETURNS text LANGUAGE sql AS $$SELECT set_config('app.told', $1, false)$$`,
  )
  await client.query('SELECT tell($1)', ['seven'])
  // Behind this it is known what the function has left.
  await client.query('SELECT')
  await kill(server, client)
  const { rows } = await client.query({
    text: "SELECT current_setting('app.told') WHERE $1::int = 1",
    values: [1],
    rowMode: 'array',
  })
  expect(String(rows[0]?.[0])).toBe('seven')
  client.release()
  await pool.end()
})
