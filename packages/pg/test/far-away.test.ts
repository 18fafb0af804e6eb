import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, Server, until } from '../../../test/kit/index.ts'
import { pidOf, proxied, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** Who commits. */
const ways = {
  'a COMMIT': async (client: pg.PoolClient) => {
    await client.query('BEGIN')
    await client.query('INSERT INTO here VALUES (1)')
    await client.query('COMMIT')
  },
  'a query of the caller’s own': (client: pg.PoolClient) =>
    new Promise((resolve, reject) => {
      const query = new pg.Query('INSERT INTO here VALUES (1)')
      client.query(query).on('end', resolve).on('error', reject)
    }),
}
type By = keyof typeof ways

describe.each(Object.keys(ways) as By[])(
  '%s that was ended, by a server that then stays away',
  (by) => {
    const away = async (more: string, by: By): Promise<string | undefined> => {
      await using link = await proxied(server)
      const admin = new pg.Client({ connectionString: link.direct })
      await admin.connect()
      const waits = `CREATE TABLE here (n int); CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
       $$BEGIN PERFORM pg_advisory_xact_lock_shared(11); RETURN NULL; END$$;
      CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON here DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW EXECUTE FUNCTION gate()`
      await admin.query(`${waits}; ${more}; SELECT pg_advisory_lock(11)`)
      const told = withThrowaway(
        link.url,
        async (client) => {
          await client.query('SELECT 1')
          const commit = ways[by](client).then(() => 'done', outcomeOf)
          const waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
          await until(async () => (await admin.query(waiting)).rowCount === 1)
          link.proxy.refuse(true)
          await server.terminate(pidOf(client))
          return commit
        },
        { deadline: 300 },
      )
      const outcome = await told
      expect((await admin.query('SELECT FROM here')).rowCount).toBe(0)
      await admin.end()
      return outcome
    }
    it.each([
      ['is rolled back where the database knows no other server', 'SELECT', 'rolled-back'],
      [
        'is in doubt where it has a foreign table',
        'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far (n int) SERVER s',
        'in-doubt',
      ],
      ['is in doubt where it has dblink', 'CREATE EXTENSION dblink', 'in-doubt'],
    ])('%s', async (_what, more, outcome) => {
      expect(await away(more, by)).toBe(outcome)
    })
  },
)
