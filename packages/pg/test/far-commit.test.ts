import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copy from 'pg-copy-streams'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, Server, until } from '../../../test/kit/index.ts'
import { kill, pidOf, proxied, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** What is written on the other server waits at its commit while somebody holds the lock 11. */
const schema = (port: number, name: string): string => `CREATE EXTENSION postgres_fdw;
  CREATE TABLE near (n int); CREATE TABLE own (n int); CREATE TABLE noted (n int);
  CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
   $$BEGIN PERFORM pg_advisory_xact_lock_shared(11); RETURN NULL; END$$;
  CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON near DEFERRABLE INITIALLY DEFERRED
   FOR EACH ROW EXECUTE FUNCTION gate();
  CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '${port}', dbname '${name}');
  CREATE USER MAPPING FOR postgres SERVER s OPTIONS (user 'postgres');
  CREATE FOREIGN TABLE far (n int) SERVER s OPTIONS (table_name 'near');
  CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql AS
   $$BEGIN INSERT INTO far VALUES (new.n); RETURN new; END$$;
  CREATE TRIGGER copy BEFORE INSERT ON noted FOR EACH ROW EXECUTE FUNCTION copy();
  CREATE FUNCTION put(n int) RETURNS void LANGUAGE sql AS $$INSERT INTO far VALUES (n)$$;
  CREATE FUNCTION put_text(n int) RETURNS void LANGUAGE plpgsql AS
   $$BEGIN EXECUTE 'INSERT INTO f' || 'ar VALUES (' || n || ')'; END$$`

/** Statements, the last of which commits. */
const ways: Readonly<Record<string, string[]>> = {
  'a foreign table alone': ['BEGIN', 'INSERT INTO far VALUES (1)', 'COMMIT'],
  'a foreign table behind a table': [
    'BEGIN',
    'INSERT INTO own VALUES (1)',
    'INSERT INTO far VALUES (1)',
    'COMMIT',
  ],
  'by a trigger': ['BEGIN', 'INSERT INTO noted VALUES (1)', 'COMMIT'],
  'by a function': ['BEGIN', 'SELECT put(1)', 'COMMIT'],
  'by a text that a function puts together': ['BEGIN', 'SELECT put_text(1)', 'COMMIT'],
  'by a prepared statement': [
    'PREPARE p AS INSERT INTO far VALUES (1)',
    'BEGIN',
    'EXECUTE p',
    'COMMIT',
  ],
  'in autocommit': ['INSERT INTO far VALUES (1)'],
  'by a trigger in autocommit': ['INSERT INTO noted VALUES (1)'],
  'in one message': ['BEGIN; INSERT INTO far VALUES (1); COMMIT'],
  'in one message without BEGIN': ['INSERT INTO own VALUES (1); INSERT INTO far VALUES (1)'],
}

const options: Readonly<Record<string, object>> = {
  'by default': {},
  'exactly once': { exactlyOnce: true },
  'without a witness': { witness: 'off' },
  'with a tape too short': { maxTapeBytes: 1 },
  'without a replay': { replay: 'off' },
}

describe.each(Object.entries(ways))('what another server commits, written %s', (_way, texts) => {
  describe.each(Object.entries(options))('%s', (_name, chosen) => {
    it.each(['terminated', 'cut'])(
      'is there once, or in doubt, when the backend that waits for it is %s',
      async (fault) => {
        await using link = await proxied(server)
        const admin = new pg.Client({ connectionString: link.direct })
        await admin.connect()
        await admin.query(schema(server.port, new URL(link.direct).pathname.slice(1)))
        await admin.query('SELECT pg_advisory_lock(11)')
        const waiting = async (): Promise<number> => {
          const { rows } = await admin.query(
            "SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
          )
          return rows[0].n
        }
        const told = await withThrowaway(
          link.url,
          async (client) => {
            await client.query('SELECT 1')
            for (const text of texts.slice(0, -1)) await client.query(text)
            const outcome = client.query(texts.at(-1) as string).then(
              () => 'done',
              (error) => outcomeOf(error),
            )
            await until(async () => (await waiting()) === 1, { what: 'the other server to commit' })
            let over = false
            void outcome.then(() => (over = true))
            if (fault === 'cut') for (const each of link.proxy.connections) each.cut()
            else await server.terminate(pidOf(client))
            await until(async () => over || (await waiting()) > 1, {
              what: 'the end, or a repetition',
            })
            await admin.query('SELECT pg_advisory_unlock(11)')
            return outcome
          },
          chosen,
        )
        const far =
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'postgres_fdw'"
        await until(async () => (await admin.query(far)).rows[0].n === 0, {
          what: 'the other server',
        })
        const { rows } = await admin.query('SELECT count(*)::int AS n FROM near')
        expect({ told, written: rows[0].n }).toEqual({ told: 'in-doubt', written: 1 })
        await admin.end()
      },
    )
  })
})

/** A server whose functions write on another one at once, and a table that is there and here. */
async function withFunctions(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  const at = `'host=127.0.0.1 port=${server.port} dbname=${name} user=postgres'`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`${schema(server.port, name)}; CREATE EXTENSION dblink; ALTER TABLE near DISABLE TRIGGER gate;
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
     $$BEGIN PERFORM dblink_exec(${at}, 'INSERT INTO near VALUES (1)'); RETURN new; END$$;
    CREATE TABLE told (n int); CREATE TRIGGER tell AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tell();
    CREATE FUNCTION wait() RETURNS int LANGUAGE plpgsql AS
     $$BEGIN PERFORM dblink_exec(${at}, 'INSERT INTO near VALUES (1)'); PERFORM pg_advisory_xact_lock_shared(11); RETURN 1; END$$`)
  await client.end()
}

describe('a loss before the commit', () => {
  const texts: [text: string, outcome: string, near: number, own: number][] = [
    // It went with its transaction there, too.
    ['INSERT INTO far VALUES (1)', 'done', 1, 1],
    ['SELECT put(1)', 'done', 1, 1],
    ['INSERT INTO own VALUES (2)', 'done', 0, 2],
    // It did not.
    ['INSERT INTO told VALUES (1)', 'rolled-back', 1, 0],
  ]
  it.each(texts)('%s: is %s, and there %s times', async (text, outcome, near, own) => {
    const url = await server.createDatabase()
    await withFunctions(url)
    const told = await withThrowaway(url, async (client) => {
      await client.query('BEGIN')
      await client.query(text)
      await kill(server, client)
      return client
        .query('INSERT INTO own VALUES (1)')
        .then(() => client.query('COMMIT'))
        .then(
          () => 'done',
          (error) => outcomeOf(error),
        )
    })
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    const { rows } = await admin.query(
      'SELECT (SELECT count(*)::int FROM near) AS near, (SELECT count(*)::int FROM own) AS own',
    )
    expect({ told, ...rows[0] }).toEqual({ told: outcome, near, own })
    await admin.end()
  })

  it('leaves in doubt what a function has done elsewhere, and does it once', async () => {
    const url = await server.createDatabase()
    await withFunctions(url)
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    await admin.query('SELECT pg_advisory_lock(11)')
    const near = async (): Promise<number> =>
      (await admin.query('SELECT count(*)::int AS n FROM near')).rows[0].n
    const told = await withThrowaway(url, async (client) => {
      await client.query('SELECT 1')
      const outcome = client.query('SELECT wait()').then(
        () => 'done',
        (error) => outcomeOf(error),
      )
      await until(async () => (await near()) === 1, { what: 'the other server' })
      await server.terminate(pidOf(client))
      return outcome
    })
    expect({ told, near: await near() }).toEqual({ told: 'in-doubt', near: 1 })
    await admin.end()
  })
})

/** Who drives the wire himself. */
const drivers: Readonly<
  Record<string, (client: pg.PoolClient, table: string) => Promise<unknown>>
> = {
  'a COPY': (client, table) =>
    pipeline(Readable.from(['1\n']), client.query(copy.from(`COPY ${table} FROM STDIN`))),
  'a query of his own': (client, table) =>
    new Promise((resolve, reject) => {
      client
        .query(new pg.Query(`INSERT INTO ${table} VALUES (1)`))
        .on('end', resolve)
        .on('error', reject)
    }),
}

describe.each(Object.entries(drivers))(
  'what is driven by %s, when its backend is terminated',
  (_how, run) => {
    it.each([
      ['far', 'in-doubt', 1],
      ['gated', 'rolled-back', 0],
    ])('into %s: is %s', async (table, outcome, written) => {
      const url = await server.createDatabase()
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      await admin.query(`${schema(server.port, new URL(url).pathname.slice(1))};
      CREATE TABLE gated (n int); CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON gated
       DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION gate()`)
      await admin.query('SELECT pg_advisory_lock(11)')
      const waiting = async (): Promise<number> => {
        const { rows } = await admin.query(
          "SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
        )
        return rows[0].n
      }
      const told = await withThrowaway(url, async (client) => {
        await client.query('SELECT 1')
        const ended = run(client, table).then(
          () => 'done',
          (error) => outcomeOf(error),
        )
        await until(async () => (await waiting()) === 1, { what: 'the commit' })
        await server.terminate(pidOf(client))
        const over = await ended
        await admin.query('SELECT pg_advisory_unlock(11)')
        return over
      })
      const there = async (): Promise<number> =>
        (await admin.query('SELECT (SELECT count(*)::int FROM near) AS n')).rows[0].n
      await until(async () => (await there()) === written, { what: 'what was written' })
      expect(told).toBe(outcome)
      await admin.end()
    })
  },
)
