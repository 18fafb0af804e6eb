import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { poolOn } from './support.ts'

it('a replay that is interrupted by one ordered restart after the other is no crash of its own, and ends well', async () => {
  await using server = await Server.start()
  const pool = poolOn(server.url)
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query("SELECT 'replayed' AS a, pg_sleep(2)")
  let restarts = 0
  let restarted = Promise.resolve()
  const again = (): void => {
    // Each new connection begins the replay, and finds its server going down.
    if (++restarts < 4) restarted = restarted.then(() => server.restart('fast'))
  }
  subscribe('reprise:reconnect', again)
  await server.restart('fast')
  const { rows } = await client.query('SELECT 1 AS one')
  unsubscribe('reprise:reconnect', again)
  await restarted
  expect(rows).toEqual([{ one: 1 }])
  expect(restarts).toBeGreaterThanOrEqual(4)
  expect((await client.query('COMMIT')).command).toBe('COMMIT')
  client.release()
  await pool.end()
}, 60_000)
