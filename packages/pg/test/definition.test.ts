import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { pidOf, withClient } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

describe('a statement that stands alone and is one transaction all the same', () => {
  it.each([
    ['CREATE DATABASE made TEMPLATE busy', 'made', 1],
    ['DROP DATABASE busy', 'busy', 0],
  ])('%s, terminated before its tag, is done once', async (text, name, left) => {
    await server.sql('CREATE DATABASE busy')
    // For as long as somebody is in it, the server waits.
    const guest = new pg.Client({ connectionString: server.url.replace(/[^/]*$/, 'busy') })
    await guest.connect()
    await withClient(server.url, async (client) => {
      await client.query('SELECT 1')
      const pid = pidOf(client)
      const done = client.query(text)
      await until(async () => {
        const rows = await server.sql(
          'SELECT FROM pg_stat_activity WHERE pid = $1 AND query = $2',
          [pid, text],
        )
        return rows.length === 1
      })
      await guest.end()
      await server.terminate(pid)
      expect((await done).command).toBe(text.slice(0, text.indexOf(' ')))
    })
    const rows = await server.sql('SELECT FROM pg_database WHERE datname = $1', [name])
    expect(rows).toHaveLength(left)
    await server.sql('DROP DATABASE IF EXISTS busy')
  })
})
