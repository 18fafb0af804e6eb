import { Budget, rerun, rerunnable, settingsOf } from '@reprise/core'
import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { kill } from './compare.ts'
import { failure, poolOn } from './support.ts'

/** A pg.Query of the caller's own, which drives the wire itself. */
function own(client: pg.PoolClient, query: string | pg.QueryConfig): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.query(new pg.Query(query, (error, result) => (error ? reject(error) : resolve(result))))
  })
}

/** Of the application's own, which know none of the values that they are given. */
const types = {
  getTypeParser: () => () => {
    throw new Error('cannot read that')
  },
} as unknown as pg.CustomTypesConfig

it.each([
  ['in autocommit', ["SET app.own = 'kept'"]],
  ['in a transaction that committed', ['BEGIN', "SET app.own = 'kept'", 'COMMIT']],
])('what a query of the caller’s own sets %s is set again after a loss', async (_when, texts) => {
  const pool = poolOn(inject('serverUrl'))
  const client = await pool.connect()
  for (const text of texts) await own(client, text)
  await kill(client)
  const { rows } = await client.query("SELECT current_setting('app.own', true) AS own")
  expect(rows).toEqual([{ own: 'kept' }])
  client.release()
  await pool.end()
})

it('what it sets counts although nobody could read its answer', async () => {
  const pool = poolOn(inject('serverUrl'))
  const client = await pool.connect()
  const text = "SELECT set_config('app.own', 'kept', false)"
  expect((await failure(own(client, { text, types }))).message).toBe('cannot read that')
  await client.query('SELECT')
  await kill(client)
  const { rows } = await client.query("SELECT current_setting('app.own', true) AS own")
  expect(rows).toEqual([{ own: 'kept' }])
  client.release()
  await pool.end()
})

it('query_timeout ends a query of the caller’s own, and the session goes on', async () => {
  const pool = poolOn(inject('serverUrl'), {}, { query_timeout: 100 })
  const client = await pool.connect()
  expect(await failure(own(client, 'SELECT pg_sleep(60)'))).toMatchObject({ reason: 'timeout' })
  const patient = { text: 'SELECT 1 AS one', query_timeout: 60_000 } as pg.QueryConfig
  expect((await client.query(patient)).rows).toEqual([{ one: 1 }])
  client.release()
  await pool.end()
})

it.each([
  ['wrote in autocommit', 'CREATE TABLE IF NOT EXISTS own_wrote (a int)'],
  [
    'wrote, and its answer could not be read',
    { text: 'CREATE TABLE own_wrote_too AS SELECT 1 AS a; TABLE own_wrote_too', types },
  ],
])('a callback is not run again once a query of its own %s', async (_what, query) => {
  const pool = poolOn(inject('serverUrl'))
  const client = await pool.connect()
  let runs = 0
  const run = rerun(
    rerunnable(() => undefined),
    async () => {
      runs += 1
      await own(client, query).catch(() => undefined)
      throw Object.assign(new Error('conflict'), { code: '40001' })
    },
    settingsOf(),
    new Budget(),
  )
  expect(await failure(run)).toMatchObject({ code: '40001' })
  expect(runs).toBe(1)
  client.release()
  await pool.end()
})

it('what a query of the caller’s own set in a transaction whose COMMIT was answered by ROLLBACK is not', async () => {
  const pool = poolOn(inject('serverUrl'))
  const client = await pool.connect()
  for (const text of ['BEGIN', "SET app.own = 'undone'"]) await own(client, text)
  await failure(own(client, 'SELECT 1/0'))
  await own(client, 'COMMIT')
  await kill(client)
  const { rows } = await client.query("SELECT current_setting('app.own', true) AS own")
  expect(rows[0]?.own ?? '').toBe('')
  client.release()
  await pool.end()
})
