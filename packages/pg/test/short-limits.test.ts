import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server, type Version } from '../../../test/kit/index.ts'
import { kill, listen, pidOf, poolOn } from './support.ts'

/** Each with what has it. */
const limits: [string, Version][] = [
  ['statement_timeout', '16'],
  ['statement_timeout', '18'],
  ['transaction_timeout', '18'],
]

describe.each<Version>(['16', '18'])('a reading of the catalog on PostgreSQL %s', (version) => {
  let server: Server
  beforeAll(async () => {
    server = await Server.start({ version })
  })
  afterAll(() => server.dispose())

  it.each(limits.filter(([, has]) => has === version))(
    'that takes longer than a %s of the role is ended by none, nor is its connection',
    async (name) => {
      const url = await server.createDatabase()
      const holder = new pg.Client({ connectionString: url })
      await holder.connect()
      await holder.query(`ALTER DATABASE ${holder.database} SET ${name} = 300`)
      const pool = poolOn(url, { deadline: 5000 })
      const client = await pool.connect()
      const pid = pidOf(client)
      using lost = listen('reprise:loss')
      // The reading waits for this, at most for a second; what else is asked does not.
      await holder.query('BEGIN; LOCK pg_catalog.pg_language IN ACCESS EXCLUSIVE MODE')
      await client.query('SELECT 1')
      expect((await client.query('SELECT 2 AS a')).rows).toEqual([{ a: 2 }])
      expect(pidOf(client)).toBe(pid)
      expect(lost.seen).toEqual([])
      await holder.query('ROLLBACK')
      await client.query('BEGIN')
      await client.query("SELECT set_config('app.a', 'b', true)")
      await kill(server, client)
      const { rows } = await client.query("SELECT current_setting('app.a') AS a")
      expect(rows).toEqual([{ a: 'b' }])
      await client.query('COMMIT')
      client.release()
      await pool.end()
      await holder.end()
    },
  )
})
