import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from '../../../test/kit/index.ts'
import { failure, kill, withThrowaway } from './support.ts'

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** A database in which every definition does something more, under the name of an event trigger. */
async function databaseWith(body: string): Promise<string> {
  const url = await server.createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE TABLE item (id int); CREATE TABLE kept (name text, value text);
INSERT INTO kept VALUES ('app.hidden', 'x');
CREATE FUNCTION audit() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN ${body} END$$;
CREATE FUNCTION widen() RETURNS void LANGUAGE plpgsql AS $$BEGIN ALTER TABLE item ADD b int; END$$;
CREATE FUNCTION copied() RETURNS void LANGUAGE sql AS $$SELECT * INTO other FROM item$$;
CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS $$SELECT 1$$;
CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION audit()`)
  await admin.end()
  return url
}

/** Runs statements in a session that is lost afterwards. @returns what the next one is answered */
async function afterLoss(
  url: string,
  texts: readonly string[],
  next: string,
): Promise<pg.QueryResult> {
  return withThrowaway(url, async (client) => {
    await client.query('INSERT INTO item VALUES (1)')
    for (const text of texts) await client.query(text)
    // It is asked after before anything else runs.
    await client.query('SET app.rested = 1')
    await kill(server, client)
    return client.query(next)
  })
}

const definitions: readonly (readonly [string, readonly string[]])[] = [
  ['CREATE TABLE', ['CREATE TABLE other (b int)']],
  ['ALTER TABLE', ['ALTER TABLE item ADD b int']],
  ['GRANT', ['GRANT SELECT ON item TO PUBLIC']],
  ['COMMENT', ["COMMENT ON TABLE item IS 'a'"]],
  ['SELECT INTO', ['SELECT 1 AS a INTO other']],
  ['a definition among others', ['SELECT 1; DROP TABLE item']],
  ['DO', ['DO $$BEGIN ALTER TABLE item ADD b int; END$$']],
  ['a function', ['SELECT widen()']],
  ['a function in SQL', ['SELECT copied()']],
  ['a transaction', ['BEGIN', 'ALTER TABLE item ADD b int', 'COMMIT']],
]

describe('what an event trigger leaves in the session', () => {
  it.each(definitions)('is there again after a loss, where %s fired it', async (_what, texts) => {
    const url = await databaseWith("PERFORM set_config('app.who', 'x', false);")
    const { rows } = await afterLoss(url, texts, "SELECT current_setting('app.who', true) AS who")
    expect(rows).toEqual([{ who: 'x' }])
  })
  it.each(definitions)(
    'by a name that nobody knows is told of when it is lost, where %s fired it',
    async (_what, texts) => {
      const url = await databaseWith('PERFORM set_config(name, value, false) FROM kept;')
      expect(await failure(afterLoss(url, texts, 'SELECT 1'))).toMatchObject({ reason: 'anchored' })
    },
  )
  it.each([
    ['nothing', []],
    ['plain statements', ['SELECT plain()', 'DELETE FROM item']],
  ])('is nothing to a session that ran %s', async (_what, texts) => {
    const url = await databaseWith('PERFORM set_config(name, value, false) FROM kept;')
    expect((await afterLoss(url, texts, 'SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })
})
