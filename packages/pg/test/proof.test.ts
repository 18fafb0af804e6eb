import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Frame, type Proxy, Server } from '../../../test/kit/index.ts'
import { failure, proxied, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/** It writes once, as something that writes by chance may: whoever executes it again sees no write. */
const once = `CREATE TABLE flag AS SELECT true AS up; CREATE TABLE ledger (n int); CREATE TABLE item AS SELECT 1 AS id;
  CREATE FUNCTION note(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN
    IF (SELECT up FROM flag) THEN INSERT INTO ledger VALUES (n); END IF;
    RETURN n; END$$;`

const places: readonly (readonly [string, string, string, 'committed' | 'in-doubt'])[] = [
  ['a view', 'CREATE VIEW v AS SELECT note(id) AS n FROM item;', 'SELECT n FROM v', 'in-doubt'],
  [
    'an operator',
    `CREATE FUNCTION op(int, int) RETURNS int LANGUAGE sql AS $$SELECT note($1)$$;
     CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = op);`,
    'SELECT id ### 1 AS n FROM item',
    'in-doubt',
  ],
  [
    'a domain',
    'CREATE DOMAIN noted AS int CHECK (note(value) = value);',
    'SELECT id::noted AS n FROM item',
    'in-doubt',
  ],
  [
    'a body in SQL',
    `CREATE FUNCTION writes() RETURNS int BEGIN ATOMIC INSERT INTO ledger SELECT 1 WHERE false; SELECT 1; END;`,
    'SELECT writes() AS n',
    'in-doubt',
  ],
  [
    'a function in SQL that makes a table by INTO',
    `CREATE FUNCTION copied() RETURNS int LANGUAGE sql AS $$SELECT id INTO made FROM item; SELECT 1$$;
     CREATE VIEW v AS SELECT CASE WHEN (SELECT up FROM flag) THEN copied() ELSE 1 END AS n;`,
    'SELECT n FROM v',
    'in-doubt',
  ],
  [
    'a function in PL/pgSQL that sets a variable by INTO',
    `CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS
       $$DECLARE n int; BEGIN SELECT id INTO n FROM item; RETURN n; END$$;
     CREATE VIEW v AS SELECT one() AS n;`,
    'SELECT n FROM v',
    'committed',
  ],
  ['nothing', 'CREATE VIEW v AS SELECT id AS n FROM item;', 'SELECT n FROM v', 'committed'],
  [
    'a function that only reads',
    `CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT id FROM item); END$$;
     CREATE VIEW v AS SELECT one() AS n;`,
    'SELECT n FROM v',
    'committed',
  ],
  [
    'a table that others write to, and its trigger',
    `CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM note(1); RETURN new; END$$;
     CREATE TRIGGER noted AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION noted();`,
    'SELECT id AS n FROM item',
    'committed',
  ],
]

/** Cuts the connection at the first COMMIT, which does not arrive; answers whether that has come. */
function cutCommit(proxy: Proxy): () => boolean {
  let cut = false
  proxy.onFrame((frame: Frame) => {
    if (cut || frame.from !== 'client' || !frame.text?.includes('COMMIT')) return 'pass'
    cut = true
    return 'cut'
  })
  return () => cut
}

describe('a COMMIT whose reply was lost, of a transaction that only read by its texts', () => {
  it.each(places)('by %s', async (_what, sql, text, told) => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query(once + sql)
    await withThrowaway(link.url, async (client) => {
      const isCut = cutCommit(link.proxy)
      await client.query('BEGIN')
      expect((await client.query(text)).rows).toEqual([{ n: 1 }])
      // It is not so any more when somebody executes it again.
      await admin.query('UPDATE flag SET up = false')
      const commit = client.query('COMMIT')
      if (told === 'committed') expect((await commit).command).toBe('COMMIT')
      else expect(await failure(commit)).toMatchObject({ outcome: 'in-doubt' })
      expect(isCut()).toBe(true)
    })
    const { rows } = await admin.query('SELECT count(*)::int AS n FROM ledger')
    expect(rows).toEqual([{ n: 0 }])
    await admin.end()
  })

  it('is committed although somebody else has changed what it read', async () => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query(once)
    await withThrowaway(link.url, async (client) => {
      const isCut = cutCommit(link.proxy)
      await client.query('BEGIN')
      await client.query('SELECT id FROM item')
      await admin.query('UPDATE item SET id = 2')
      expect((await client.query('COMMIT')).command).toBe('COMMIT')
      expect(isCut()).toBe(true)
    })
    await admin.end()
  })
})

describe('a read in autocommit whose answer was lost', () => {
  it('is in doubt where its function sends a message that READ ONLY does not refuse', async () => {
    await using link = await proxied(server)
    const admin = new pg.Client({ connectionString: link.direct })
    await admin.connect()
    await admin.query(`CREATE FUNCTION emit() RETURNS int LANGUAGE plpgsql AS
      $$BEGIN PERFORM pg_logical_emit_message(false, 'outbox', 'x'); RETURN 1; END$$`)
    await admin.end()
    await withThrowaway(link.url, async (client) => {
      let cut = false
      link.proxy.onFrame((frame: Frame) => {
        if (cut || frame.from !== 'server' || frame.type !== 'C') return 'pass'
        cut = true
        return 'cut'
      })
      const error = await failure(client.query('SELECT emit()'))
      expect(error).toMatchObject({ outcome: 'in-doubt', reason: 'in-doubt' })
    })
  })
})
