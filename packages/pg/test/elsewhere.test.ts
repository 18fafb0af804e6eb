import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, type Frame, outcomeOf, Server, until } from '../../../test/kit/index.ts'
import { proxied, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** Writes that leave no transaction id on the server that is asked to make them. */
const writes = [
  'INSERT INTO far VALUES (1)',
  'INSERT INTO far VALUES (1) RETURNING n',
  'UPDATE far SET n = 1',
  'WITH w AS (INSERT INTO far VALUES (1) RETURNING n) SELECT n FROM w',
  'DELETE FROM far',
  'INSERT INTO whole VALUES (1)',
  'INSERT INTO loud VALUES (1)',
  'UPDATE still SET n = 1',
  'SELECT n FROM heard',
]

const schema = (port: number, name: string): string => `CREATE EXTENSION postgres_fdw;
  CREATE TABLE near (n int); INSERT INTO near VALUES (0); CREATE TABLE still (n int); CREATE TABLE one AS SELECT 1 AS n;
  CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '${port}', dbname '${name}');
  CREATE USER MAPPING FOR postgres SERVER s OPTIONS (user 'postgres');
  CREATE FOREIGN TABLE far (n int) SERVER s OPTIONS (table_name 'near');
  CREATE TABLE whole (n int) PARTITION BY LIST (n);
  CREATE FOREIGN TABLE far_part PARTITION OF whole DEFAULT SERVER s OPTIONS (table_name 'near');
  CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_notify('c', ''); RETURN new; END$$;
  CREATE VIEW loud AS SELECT 1 AS n;
  CREATE TRIGGER tell INSTEAD OF INSERT ON loud FOR EACH ROW EXECUTE FUNCTION tell();
  CREATE TRIGGER tell AFTER UPDATE ON still FOR EACH STATEMENT EXECUTE FUNCTION tell();
  CREATE VIEW heard AS SELECT n, pg_notify('c', '')::text FROM one`

const ways: [
  way: string,
  before: string[],
  last: string | undefined,
  options: object,
  told: string,
][] = [
  ['in autocommit', [], undefined, {}, 'in-doubt'],
  ['in autocommit, exactly once', [], undefined, { exactlyOnce: true }, 'in-doubt'],
  ['in a transaction', ['BEGIN'], 'COMMIT', {}, 'done'],
  ['in a transaction, exactly once', ['BEGIN'], 'COMMIT', { exactlyOnce: true }, 'done'],
  // Of what is on no tape nobody can say whether it is the foreign table of this database.
  ['in a transaction that is too long', ['BEGIN'], 'COMMIT', { maxTapeBytes: 1 }, 'in-doubt'],
]

describe.each(ways)(
  'what is written elsewhere than where ids are drawn, %s',
  (_way, before, last, options, outcome) => {
    it.each(writes)('%s: is not said to be done when its end never arrived', async (text) => {
      await using link = await proxied(server)
      const admin = new pg.Client({ connectionString: link.direct })
      admin.on('error', () => undefined)
      await admin.connect()
      await admin.query(schema(server.port, new URL(link.direct).pathname.slice(1)))
      let heard = 0
      admin.on('notification', () => heard++)
      await admin.query('LISTEN c')
      const rows = async (): Promise<string> =>
        (
          await admin.query(
            "SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') AS n FROM near",
          )
        ).rows[0].n
      const was = await rows()
      const told = await withThrowaway(
        link.url,
        async (client) => {
          await client.query('SELECT 1')
          // A read carries no witness.
          const once = 'exactlyOnce' in options
          const rides = text.startsWith('SELECT') ? 1 : 2
          let asked = false
          let tags = 0
          let lost = false
          link.proxy.onFrame(async (frame: Frame): Promise<Action> => {
            if (frame.from === 'server') {
              if (asked && frame.type === 'C') tags++
              return 'pass'
            }
            asked ||= frame.text === (last ?? text)
            // What makes it so, once all that comes before has been answered.
            const end =
              last === undefined ? frame.type === 'S' || frame.type === 'Q' : frame.text === last
            if (!asked || !end || lost) return 'pass'
            lost = true
            const answers = frame.type === 'Q' || (last && once) ? 0 : last ? 1 : rides
            await until(() => tags >= answers, { what: 'the witness' })
            return 'cut'
          })
          for (const each of before) await client.query(each)
          let answer: Promise<unknown> = client.query(
            last === undefined ? { text, values: [] } : text,
          )
          if (last !== undefined) {
            await answer
            answer = client.query(last)
          }
          const outcome = await answer.then(
            () => 'done',
            (error) => outcomeOf(error),
          )
          expect(lost).toBe(true)
          return outcome
        },
        { probeAfter: 200, ...options },
      )
      await admin.query('SELECT 1')
      const happened = (await rows()) !== was || heard > 0
      // A read that hides it is not done again to find out; and a foreign table's server may have committed.
      const doubted = text.startsWith('SELECT') || /\b(far|whole)\b/.test(text)
      const expected = doubted ? 'in-doubt' : outcome
      expect({ told, happened }).toEqual({ told: expected, happened: expected === 'done' })
      await admin.end()
    })
  },
)
