import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fresh, KeepServer } from './keep-server.ts'
import { failure, kill, withClient } from './support.ts'

let keep: KeepServer
beforeAll(async () => {
  keep = await KeepServer.start()
})
afterAll(() => keep?.dispose())

describe('the time of the transaction', () => {
  it('stays the same in every answer', async () => {
    const clocks =
      'SELECT now(), CURRENT_TIMESTAMP, CURRENT_TIMESTAMP(2), LOCALTIMESTAMP, LOCALTIMESTAMP(0), CURRENT_DATE, CURRENT_TIME, CURRENT_TIME(1), LOCALTIME, LOCALTIME(3), transaction_timestamp(), now()::date, extract(epoch FROM now()), now() AT TIME ZONE $$Asia/Tokyo$$ AS tokyo, coalesce(NULL, now()), (SELECT now()), (SELECT q.now FROM (SELECT now()) q), $$now$$::timestamptz, $$today$$::date, $$tomorrow$$::timestamp'
    await withClient(keep.url, async (client) => {
      await client.query("SET TimeZone = 'America/New_York'")
      await client.query('BEGIN')
      await client.query("INSERT INTO log VALUES ('a')")
      const before = await client.query(clocks)
      await kill(keep.server, client)
      const after = await client.query(clocks)
      expect(after.rows).toEqual(before.rows)
      await kill(keep.server, client)
      await client.query('COMMIT')
    })
  })
  it('is known from a SELECT where nothing was written', async () => {
    await keep.survive('SELECT now()', 'SELECT now() AS later', 'SELECT CURRENT_DATE')
  })
  it('is the same in rows that were given it by name and by default, before and after a loss', async () => {
    const note = fresh()
    await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      const { rows } = await client.query(`INSERT INTO log (note) VALUES ('${note}') RETURNING at`)
      await client.query(`INSERT INTO log SELECT '${note}', CURRENT_TIMESTAMP`)
      await client.query(`INSERT INTO log VALUES ('${note}')`)
      await kill(keep.server, client)
      await client.query(
        `INSERT INTO log (note, local) VALUES ('${note}', LOCALTIMESTAMP AT TIME ZONE current_setting('timezone') AT TIME ZONE 'utc'), ('${note}', DEFAULT)`,
      )
      await client.query({
        name: 'log',
        text: 'INSERT INTO log (note) VALUES ($1)',
        values: [note],
      })
      await client.query(`INSERT INTO log (note) SELECT '${note}' FROM generate_series(1, 2)`)
      await kill(keep.server, client)
      await client.query({
        name: 'log',
        text: 'INSERT INTO log (note) VALUES ($1)',
        values: [note],
      })
      await client.query('UPDATE log SET at = DEFAULT, local = DEFAULT WHERE note = $1', [note])
      await client.query('COMMIT')
      const after = await keep.admin.query(
        "SELECT at, count(*)::int, at = local AT TIME ZONE 'utc' AS same FROM log WHERE note = $1 GROUP BY at, local",
        [note],
      )
      expect(after.rows).toEqual([{ at: rows[0].at, count: 9, same: true }])
    })
  })
  it('is known of each transaction on a connection, not of its first only', async () => {
    await withClient(keep.url, async (client) => {
      for (let i = 0; i < 3; i++) {
        const note = fresh()
        // What writes by itself needs to know no time.
        await client.query(`INSERT INTO log (note) VALUES ('alone ${note}')`)
        await client.query('BEGIN')
        const { rows } = await client.query(
          `INSERT INTO log (note) VALUES ('${note}') RETURNING at`,
        )
        if (i === 2) await kill(keep.server, client)
        await client.query(`INSERT INTO log VALUES ('${note}')`)
        await client.query('COMMIT')
        const after = await keep.admin.query(
          'SELECT at, count(*)::int FROM log WHERE note = $1 GROUP BY at',
          [note],
        )
        expect(after.rows).toEqual([{ at: rows[0].at, count: 2 }])
      }
    })
  })
  it('is the new one after a loss if nobody has seen the old one', async () => {
    await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      await client.query('UPDATE item SET hits = 1 WHERE false')
      await kill(keep.server, client)
      const { rows } = await client.query(
        'SELECT now() = clock_timestamp()::timestamptz, now() AS seen',
      )
      await kill(keep.server, client)
      const again = await client.query('SELECT now() AS seen')
      expect(again.rows[0].seen).toEqual(rows[0].seen)
      await client.query('COMMIT')
    })
  })
  it('is not given up in a second replay: where it cannot be kept any more, the transaction diverges', async () => {
    await keep.admin.query('CREATE TABLE stamp (at timestamptz); CREATE TABLE other (id int)')
    await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      await client.query('INSERT INTO stamp VALUES (now())')
      await client.query('DELETE FROM other')
      await kill(keep.server, client)
      await client.query('INSERT INTO stamp SELECT now()')
      await kill(keep.server, client)
      await keep.admin.query(`CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
 INSERT INTO stamp VALUES (now()); RETURN OLD; END$$;
CREATE TRIGGER stamp BEFORE DELETE ON other FOR EACH ROW EXECUTE FUNCTION stamp()`)
      expect(await failure(client.query('COMMIT'))).toMatchObject({
        code: '40001',
        outcome: 'rolled-back',
      })
    })
    expect((await keep.admin.query('SELECT FROM stamp')).rowCount).toBe(0)
  })
  it('is not written into definitions', async () => {
    await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      await client.query('CREATE TABLE later (at timestamptz DEFAULT now())')
      await client.query('CREATE VIEW clock AS SELECT now() AS at')
      await kill(keep.server, client)
      await client.query('COMMIT')
    })
    const { rows } = await keep.admin.query(
      "SELECT pg_get_expr(adbin, adrelid) AS e FROM pg_attrdef WHERE adrelid = 'later'::regclass UNION ALL SELECT pg_get_viewdef('clock'::regclass)",
    )
    for (const { e } of rows) expect(e).toContain('now()')
  })
})
