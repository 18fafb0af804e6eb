import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fresh, KeepServer } from './keep-server.ts'
import { failure, kill, withClient } from './support.ts'

let keep: KeepServer
beforeAll(async () => {
  keep = await KeepServer.start()
})
afterAll(() => keep?.dispose())

describe('what cannot be kept diverges', () => {
  it.each([
    'SELECT random()',
    'SELECT clock_timestamp()',
    'SELECT pg_backend_pid()',
    "INSERT INTO item (name) VALUES ('r') RETURNING xmin",
    "INSERT INTO item (name) VALUES ('r') RETURNING id, random()",
    "WITH x AS (INSERT INTO item (name) VALUES ('r') RETURNING id) SELECT id + 0 FROM x",
  ])('%s', async (text) => keep.diverges(text))

  it('an id that only a later SELECT showed', async () => {
    const name = fresh()
    await keep.diverges(
      `INSERT INTO item (name) VALUES ('${name}')`,
      `SELECT id FROM item WHERE name = '${name}'`,
    )
    expect((await keep.admin.query('SELECT FROM item WHERE name = $1', [name])).rowCount).toBe(0)
  })
  it('what currval() and lastval() returned', async () => {
    const insert = `INSERT INTO item (name) VALUES ('${fresh()}') RETURNING name`
    await keep.diverges(insert, "SELECT currval('item_id_seq')")
    await keep.diverges(insert, 'SELECT lastval()')
  })
  it('an id that somebody else has taken', async () => {
    const error = await failure(
      withClient(keep.url, async (client) => {
        await client.query('BEGIN')
        const { rows } = await client.query(
          `INSERT INTO item (name) VALUES ('${fresh()}') RETURNING id`,
        )
        await kill(keep.server, client)
        await keep.admin.query('INSERT INTO item (id, name) VALUES ($1, $2)', [rows[0].id, fresh()])
        await client.query('COMMIT')
      }),
    )
    expect(error).toMatchObject({ code: '40001', outcome: 'rolled-back' })
  })
  it('what a trigger makes of it', async () => {
    await keep.admin.query(`CREATE TABLE shifted (id serial, at timestamptz DEFAULT now());
CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id * 10; RETURN NEW; END$$;
CREATE TRIGGER shift BEFORE INSERT ON shifted FOR EACH ROW EXECUTE FUNCTION shift()`)
    await keep.survive('INSERT INTO shifted DEFAULT VALUES RETURNING at')
    await keep.diverges('INSERT INTO shifted DEFAULT VALUES RETURNING id')
  })
  it('a number that a trigger changes in a way that the answer does not show', async () => {
    await keep.admin.query(`CREATE SEQUENCE down; CREATE TABLE drawn (id int);
CREATE TABLE upright (id int DEFAULT -nextval('down'));
CREATE FUNCTION turn() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  INSERT INTO drawn VALUES (NEW.id); NEW.id := abs(NEW.id); RETURN NEW; END$$;
CREATE TRIGGER turn BEFORE INSERT ON upright FOR EACH ROW EXECUTE FUNCTION turn()`)
    await keep.diverges('INSERT INTO upright DEFAULT VALUES RETURNING id')
  })
  it.each([
    ['by a function', 'NEW := turned(NEW);'],
    ['by a query', 'SELECT (turned(NEW)).* INTO NEW;'],
  ])('a number that a trigger changes %s, without a word of it', async (how, body) => {
    const table = how.replaceAll(' ', '_')
    await keep.admin.query(`CREATE SEQUENCE below_${table}; CREATE TABLE noted_${table} (id int);
CREATE TABLE ${table} (id int DEFAULT -nextval('below_${table}'));
CREATE OR REPLACE FUNCTION turned(INOUT r ${table}) LANGUAGE plpgsql AS $$BEGIN
  INSERT INTO noted_${table} VALUES (r.id); r.id := abs(r.id); END$$;
CREATE FUNCTION turn_${table}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ${body} RETURN NEW; END$$;
CREATE TRIGGER turn BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION turn_${table}()`)
    await keep.diverges(`INSERT INTO ${table} DEFAULT VALUES RETURNING id`)
  })
  it('a default with an effect of its own, which happens again', async () => {
    await keep.admin.query(`CREATE TABLE gapless (last int); INSERT INTO gapless VALUES (0);
CREATE FUNCTION draw() RETURNS int LANGUAGE sql AS 'UPDATE gapless SET last = last + 1 RETURNING last';
CREATE TABLE invoice (number int DEFAULT draw())`)
    const [result] = await keep.survive('INSERT INTO invoice DEFAULT VALUES RETURNING number')
    const { rows } = await keep.admin.query('SELECT last AS number FROM gapless')
    expect(rows).toEqual(result!.rows)
  })
})
