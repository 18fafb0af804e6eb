import { expect, inject, it } from 'vitest'
import { createDatabase, until } from '../../../test/kit/index.ts'
import { failure, pidOf, poolOn } from './support.ts'

it('what the application itself terminates, as Kysely’s kill session does, is not done again', async () => {
  const url = await createDatabase(inject('serverUrl'))
  const pool = poolOn(url, {}, { max: 2 })
  await pool.query('CREATE TABLE t (a int)')
  const victim = await pool.connect()
  const killer = await pool.connect()
  const written = failure(victim.query('INSERT INTO t SELECT 1 FROM pg_sleep(60)'))
  await until(async () => {
    const { rows } = await killer.query(
      "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = $1",
      [pidOf(victim)],
    )
    return rows.length > 0
  })
  await killer.query(`select pg_terminate_backend(${pidOf(victim)})`)
  expect(await written).toMatchObject({ outcome: 'rolled-back', reason: 'aborted' })
  expect((await victim.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
  victim.release()
  killer.release()
  await pool.end()
})

it('abandon() with nothing under way changes nothing', async () => {
  const pool = poolOn(inject('serverUrl'))
  const client = await pool.connect()
  ;(client as unknown as { abandon(): void }).abandon()
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  client.release()
  await pool.end()
})
