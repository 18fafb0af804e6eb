import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf } from '../../../test/kit/index.ts'
import { fresh, KeepServer } from './keep-server.ts'
import { failure, kill, withClient } from './support.ts'

let keep: KeepServer
beforeAll(async () => {
  keep = await KeepServer.start()
  await keep.admin.query(
    "CREATE SCHEMA other; CREATE TABLE other.log (note text, at timestamptz DEFAULT 'infinity')",
  )
})
afterAll(() => keep?.dispose())

const insert = (): string => `INSERT INTO item (name) VALUES ('${fresh()}') RETURNING id`

describe('nothing is kept', () => {
  it.each([
    ['behind a definition', 'CREATE TABLE made_beside (n int)'],
    ['before one', undefined],
  ])('%s, and the transaction diverges', async (_where, first) => {
    const last = 'CREATE TABLE made_later (n int)'
    await keep.diverges(...(first === undefined ? [insert(), last] : [first, insert()]))
  })
  it('where backslashes escape in strings', async () => {
    const url = `${keep.url}?options=${encodeURIComponent('-c standard_conforming_strings=off')}`
    const told = await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query(insert())
      await kill(keep.server, client)
      return failure(client.query('COMMIT'))
    })
    expect(told).toMatchObject({ code: '40001', outcome: 'rolled-back' })
  })
})

describe('a time that was kept', () => {
  it.each([
    [
      'a table of the session',
      "CREATE TEMP TABLE log (note text, at timestamptz DEFAULT 'infinity') ON COMMIT DROP",
    ],
    ['another path', 'SET LOCAL search_path = other'],
    ['another path, by a function', "SELECT set_config('search_path', 'other', true)"],
  ])('is not written to the table that a name stands for since there is %s', async (_, change) => {
    const note = "INSERT INTO log (note) VALUES ('a') RETURNING at"
    const told = await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      const first = (await client.query(note)).rows[0].at
      await kill(keep.server, client)
      await client.query('SELECT 1')
      try {
        await client.query(change)
        const second = (await client.query(note)).rows[0].at
        await client.query('COMMIT')
        return { first, second }
      } catch (error) {
        await client.query('ROLLBACK')
        return outcomeOf(error)
      }
    })
    if (typeof told === 'object') expect(told.second).toBe(Number.POSITIVE_INFINITY)
    else expect(told).toBe('rolled-back')
  })

  it('is not written to a table of another path, which the transaction took before', async () => {
    const name = fresh()
    const told = await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT now()')
      await client.query('SET LOCAL search_path = other')
      await client.query(`INSERT INTO log (note) VALUES ('${name}')`)
      await kill(keep.server, client)
      return client.query('COMMIT').catch(outcomeOf)
    })
    const { rows } = await keep.admin.query('SELECT at FROM other.log WHERE note = $1', [name])
    expect(rows).toEqual(told === 'rolled-back' ? [] : [{ at: Number.POSITIVE_INFINITY }])
  })

  it.each<[string, string | pg.QueryConfig]>([
    [
      'among the values',
      { text: 'INSERT INTO log (note, at) VALUES ($1, $2) RETURNING at', values: ['b', 'now'] },
    ],
    [
      'in a text of several statements',
      "INSERT INTO log (note, at) VALUES ('b', now()); SELECT at FROM log WHERE note = 'b'",
    ],
    ['by a default', "INSERT INTO log (note) VALUES ('b') RETURNING at"],
    ['in its own words', "INSERT INTO log (note, at) VALUES ('b', now()) RETURNING at"],
  ])('is the only one that is seen: not another, %s', async (_where, query) => {
    const told = await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      const first = await client.query("INSERT INTO log (note) VALUES ('a') RETURNING at")
      await kill(keep.server, client)
      await client.query('SELECT 1')
      try {
        const answer: unknown = await client.query(query as string)
        const { rows } = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult
        return { first: first.rows[0].at, second: rows[0].at }
      } catch (error) {
        return outcomeOf(error)
      } finally {
        await client.query('ROLLBACK')
      }
    })
    if (typeof told === 'object') expect(told.second).toEqual(told.first)
    else expect(told).toBe('rolled-back')
  })
})

describe('behind a time that was kept', () => {
  const after = async (text: string): Promise<unknown> =>
    withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      await client.query("INSERT INTO log (note) VALUES ('a') RETURNING at")
      await kill(keep.server, client)
      await client.query('SELECT 1')
      const told = await client.query(text).catch(outcomeOf)
      await client.query('ROLLBACK')
      return told
    })
  it.each([
    'DECLARE c CURSOR FOR SELECT 1',
    'EXPLAIN SELECT 1',
    'SHOW work_mem',
    'TRUNCATE other.log',
  ])('%s goes on', async (text) => {
    expect(await after(text)).toHaveProperty('command')
  })
  it.each([
    "DO $$BEGIN EXECUTE 'INSERT INTO log (note, at) VALUES ($1, n' || 'ow())' USING 'b'; END$$",
    'DECLARE c CURSOR FOR SELECT now()',
    'EXPLAIN ANALYZE INSERT INTO log (at) VALUES (now())',
  ])('%s does not', async (text) => {
    expect(await after(text)).toBe('rolled-back')
  })
})

it('a number is kept beside a time that is not, as a function would see another', async () => {
  await keep.admin.query(
    "CREATE FUNCTION is_late() RETURNS boolean LANGUAGE sql AS $$SELECT now() > 'epoch'$$",
  )
  const name = fresh()
  const { rows } = await withClient(keep.url, async (client) => {
    await client.query('BEGIN')
    const given = await client.query(`INSERT INTO item (name) VALUES ('${name}') RETURNING id`)
    await client.query('SELECT is_late()')
    await kill(keep.server, client)
    await client.query('COMMIT')
    return given
  })
  const written = await keep.admin.query('SELECT id FROM item WHERE name = $1', [name])
  expect(written.rows).toEqual(rows)
})
