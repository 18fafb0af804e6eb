import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fresh, KeepServer, type Query } from './keep-server.ts'
import { kill, withClient } from './support.ts'

let keep: KeepServer
beforeAll(async () => {
  keep = await KeepServer.start()
})
afterAll(() => keep?.dispose())

describe('a replayed INSERT … RETURNING answers as before', () => {
  const cases: Record<string, (name: string) => Query> = {
    'with a serial': (name) => `INSERT INTO item (name) VALUES ('${name}') RETURNING id`,
    'with DEFAULT': (name) =>
      `insert into "item" ("id", "name", "at") values (default, '${name}', DEFAULT) returning "id", "at"`,
    'with everything': (name) => ({
      text: 'INSERT INTO item (name) VALUES ($1) RETURNING *',
      values: [name],
    }),
    'by a prepared statement': (name) => ({
      name: 'ins',
      text: 'INSERT INTO item (name) VALUES ($1) RETURNING *',
      values: [name],
    }),
    'without a column list': (name) => ({
      text: 'INSERT INTO item VALUES (DEFAULT, $1) RETURNING item.*',
      values: [name],
    }),
    'with DEFAULT VALUES': () => 'INSERT INTO item DEFAULT VALUES RETURNING *',
    'with several rows': (name) =>
      `INSERT INTO item (name, id) VALUES ('${name} a', DEFAULT), ('${name} b', DEFAULT) RETURNING id AS number, token, name`,
    'with an alias': (name) =>
      `INSERT INTO public.item AS i (name) VALUES ('${name}') RETURNING i.id AS "Number", upper(i.name), i.at::text`,
    'from a SELECT of constants': (name) => ({
      text: 'INSERT INTO item (name, hits) SELECT $1, 7 RETURNING *',
      values: [name],
    }),
    'from a UNION ALL': (name) =>
      `INSERT INTO item (name) SELECT '${name} a' UNION ALL SELECT '${name} b' RETURNING *`,
    'from a SELECT of one row': (name) =>
      `INSERT INTO item (name) SELECT '${name}' || 1 FROM generate_series(1, 1) RETURNING id`,
    'with calls': (name) =>
      `INSERT INTO item (id, name, token, at) VALUES (nextval('item_id_seq'), '${name}', gen_random_uuid(), now() + interval '1 day') RETURNING *`,
    'with an identity': (name) => `INSERT INTO always (name) VALUES ('${name}') RETURNING id`,
    'with an identity by default': (name) =>
      `INSERT INTO by_default (name) VALUES ('${name}'), ('b') RETURNING *`,
    'over a user value': (name) =>
      `INSERT INTO always (id, name) OVERRIDING USER VALUE VALUES (3, '${name}'), (4, 'b') RETURNING id`,
    'with ON CONFLICT DO NOTHING': (name) =>
      `INSERT INTO item (name) VALUES ('${name}') ON CONFLICT DO NOTHING RETURNING id`,
    'with ON CONFLICT DO UPDATE that inserts': (name) =>
      `INSERT INTO item (name) VALUES ('${name}') ON CONFLICT (name) DO UPDATE SET hits = item.hits + excluded.hits, at = DEFAULT RETURNING id, at, hits`,
    'with OLD and NEW': (name) =>
      `INSERT INTO item (name) VALUES ('${name}') RETURNING old.id, new.id, old.*, new.*`,
    'with OLD and NEW by other names': (name) =>
      `INSERT INTO item (name) VALUES ('${name}') RETURNING WITH (OLD AS before, NEW AS after) before.id, after.id AS new`,
    'with comments and dollar quotes': (name) =>
      `/* a */ INSERT INTO item (name) -- b\n VALUES ($$${name} it's$$) RETURNING id /* c */`,
  }
  for (const [what, query] of Object.entries(cases)) {
    it(what, async () => {
      const text = query(fresh())
      const table = /into \W*(public\.)?(\w+)/i.exec(JSON.stringify(text))?.[2]
      const [result] = await keep.survive(text, 'SELECT 1')
      for (const row of result!.rows) {
        const id = row.id ?? row.number ?? row.Number ?? row.new
        const { rows } = await keep.admin.query(`SELECT * FROM ${table} WHERE id = $1`, [id])
        expect(rows).toHaveLength(1)
        if (row.token) expect(rows[0].token).toBe(row.token)
        if (row.at instanceof Date) expect(rows[0].at).toEqual(row.at)
      }
    })
  }
  it('with ON CONFLICT DO UPDATE that updates', async () => {
    const name = fresh()
    const { rows } = await keep.admin.query('INSERT INTO item (name) VALUES ($1) RETURNING id', [
      name,
    ])
    const upsert = `INSERT INTO item (name) VALUES ('${name}') ON CONFLICT (name) DO UPDATE SET hits = item.hits + excluded.hits RETURNING *`
    const [result] = await keep.survive(upsert)
    expect(result!.rows[0]).toMatchObject({ id: rows[0].id, hits: 2 })
    const after = await keep.admin.query('SELECT id, hits FROM item WHERE name = $1', [name])
    expect(after.rows).toEqual([{ id: rows[0].id, hits: 2 }])
  })
  it('with ON CONFLICT DO UPDATE that reads what was proposed', async () => {
    const name = fresh()
    const { rows } = await keep.admin.query('INSERT INTO item (name) VALUES ($1) RETURNING id', [
      name,
    ])
    const [{ id }] = rows
    await keep.survive(
      `INSERT INTO item (name) VALUES ('${name}') ON CONFLICT (name) DO UPDATE SET hits = excluded.id RETURNING id`,
    )
    const after = await keep.admin.query('SELECT hits > id AS drawn FROM item WHERE id = $1', [id])
    expect(after.rows).toEqual([{ drawn: true }])
  })
  it.each([
    ['all', 'excluded.*'],
    ['the row', 'excluded'],
  ])('with ON CONFLICT DO UPDATE that reads %s of what was proposed', async (_of, row) => {
    const name = fresh()
    await keep.admin.query('INSERT INTO item (name) VALUES ($1)', [name])
    const [result] = await keep.survive(
      `INSERT INTO item (name) VALUES ('${name}') ON CONFLICT (name) DO UPDATE SET status = to_jsonb(${row}) ->> 'id' RETURNING id`,
    )
    const after = await keep.admin.query(
      'SELECT id, status::int > id AS drawn FROM item WHERE name = $1',
      [name],
    )
    expect(after.rows).toEqual([{ id: result!.rows[0].id, drawn: true }])
  })
  it('and children refer to the row that is there', async () => {
    await withClient(keep.url, async (client) => {
      await client.query('BEGIN')
      const parent = await client.query(
        `INSERT INTO item (name) VALUES ('${fresh()}') RETURNING id`,
      )
      await kill(keep.server, client)
      const child = await client.query('INSERT INTO by_default (name) VALUES ($1) RETURNING id', [
        parent.rows[0].id,
      ])
      await kill(keep.server, client)
      await client.query('COMMIT')
      const { rows } = await keep.admin.query(
        'SELECT item.id FROM item JOIN by_default b ON b.name = item.id::text WHERE b.id = $1',
        [child.rows[0].id],
      )
      expect(rows).toEqual(parent.rows)
    })
  })
  it('and a value drawn by SELECT stays the same', async () => {
    const [next, both] = await keep.survive(
      "SELECT nextval('counter')",
      "SELECT nextval('counter')::int AS n, gen_random_uuid(), 1",
    )
    expect(Number(both!.rows[0].n)).toBeGreaterThan(Number(next!.rows[0].nextval))
  })
})
