import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Frame, Server, until } from '../../../test/kit/index.ts'
import { failure, kill, pidOf, poolOn, proxied, withThrowaway } from './support.ts'

let server: Server
let url: string

beforeAll(async () => {
  server = await Server.start({ settings: { max_prepared_transactions: '10' } })
  url = await server.createDatabase()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE ROLE acting; CREATE TABLE item (id int);
    CREATE SCHEMA far; CREATE TABLE far.alone AS SELECT 'far' AS own;
    CREATE TABLE place AS SELECT 'near' AS own;
    CREATE FUNCTION act(who text) RETURNS void LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.who', who, false); END$$;
    CREATE FUNCTION act_atomic() RETURNS text RETURN set_config('atomic.own', 'kept', false);
    CREATE FUNCTION act_dollars() RETURNS void LANGUAGE plpgsql AS
      $f$BEGIN PERFORM set_config($$dollars.own$$, 'kept', false); END$f$;
    CREATE FUNCTION reach(path text) RETURNS void LANGUAGE plpgsql AS
      $$BEGIN EXECUTE format('SET search_path = %I', path); END$$;
    CREATE FUNCTION become(who text) RETURNS void LANGUAGE plpgsql AS
      $$BEGIN EXECUTE format('SET ROLE %I', who); END$$;
    CREATE FUNCTION lock_it(n int) RETURNS boolean LANGUAGE plpgsql AS
      $$BEGIN RETURN pg_try_advisory_lock(n); END$$;
    CREATE FUNCTION stage() RETURNS void LANGUAGE plpgsql AS
      $$BEGIN CREATE TEMP TABLE stage (id int); END$$;
    CREATE FUNCTION drop_it() RETURNS void LANGUAGE plpgsql AS
      $$BEGIN CREATE TEMP TABLE gone (id int) ON COMMIT DROP; END$$;
    CREATE FUNCTION keep_plan() RETURNS void LANGUAGE plpgsql AS
      $$BEGIN EXECUTE 'PREPARE plan AS SELECT 5 AS five'; END$$;
    CREATE PROCEDURE act_by_call(who text) LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.who', who, false); COMMIT; END$$;
    CREATE TABLE audited (id int);
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.last', new.id::text, false); RETURN new; END$$;
    CREATE TRIGGER audit BEFORE INSERT ON audited FOR EACH ROW EXECUTE FUNCTION audit();
    GRANT ALL ON item TO acting`)
  await admin.end()
})
afterAll(() => server?.dispose())

type Step = string | { text: string; values: unknown[] }
const all = `SELECT current_setting('app.who', true) AS who, current_setting('app.last', true) AS last,
  current_setting('search_path') AS path, current_user::text AS "user", current_setting('work_mem') AS mem`

const prepare = 'PREPARE there AS SELECT own FROM alone'

/** By a statement, or by a query object of the caller's own, which drives the wire itself. */
const ways = {
  'a statement': (client: pg.PoolClient, step: Step) => client.query(step as string),
  "a query of the caller's": (client: pg.PoolClient, step: Step) =>
    new Promise<void>((resolve, reject) => {
      const Query = (pg as unknown as { Query: new (...of: unknown[]) => pg.Submittable }).Query
      client.query(new Query(step, (error?: Error) => (error ? reject(error) : resolve())))
    }),
}

describe.each(Object.keys(ways) as (keyof typeof ways)[])(
  'what %s does to the session out of sight is there again after a loss',
  (way) => {
    const kinds: [string, Step[]][] = [
      ['a function that sets', ["SELECT act('a')"]],
      ['the same by a parameter', [{ text: 'SELECT act($1)', values: ['b'] }]],
      ['twice, with another value', ["SELECT act('a')", "SELECT act('b')"]],
      ['a SET before it', ["SET app.who = '1'", "SELECT act('b')"]],
      ['a SET behind it', ["SELECT act('b')", "SET app.who = '1'"]],
      ['a SET between', ["SELECT act('a')", "SET app.who = '1'", "SELECT act('a')"]],
      ['in a transaction', ['BEGIN', "SELECT act('a')", 'COMMIT']],
      ['rolled back', ["SELECT act('a')", 'BEGIN', "SELECT act('b')", 'ROLLBACK']],
      [
        'rolled back in part',
        ['BEGIN', 'SAVEPOINT a', "SELECT act('b')", 'ROLLBACK TO a', 'COMMIT'],
      ],
      [
        'a SET rolled back in part',
        ['BEGIN', 'SAVEPOINT a', "SET app.who = '1'", 'ROLLBACK TO a', 'COMMIT'],
      ],
      [
        'rolled back at first, and not later',
        [
          'BEGIN',
          "SELECT act('a')",
          'ROLLBACK',
          'BEGIN',
          "SELECT act('b')",
          'ROLLBACK',
          "SELECT act('c')",
        ],
      ],
      ['again and again', Array.from({ length: 21 }, (_, i) => `SELECT act('${i}')`)],
      ['DO', ["DO $$BEGIN PERFORM set_config('app.who', 'do', false); END$$"]],
      ['CALL', ["CALL act_by_call('c')"]],
      ['EXECUTE', ["PREPARE later AS SELECT act('e')", 'EXECUTE later']],
      ['a trigger', ['INSERT INTO audited VALUES (7)']],
      ['a trigger, again', ['INSERT INTO audited VALUES (7)', 'INSERT INTO audited VALUES (8)']],
      ['a search_path', ["SELECT reach('elsewhere')"]],
      ['a role', ["SELECT become('acting')"]],
      ['a role, and a setting behind it', ["SELECT become('acting')", "SET work_mem = '7MB'"]],
      ['a role that was left', ["SELECT become('acting')", 'RESET ROLE']],
      ['set_config of a computed value', ["SELECT set_config('app.who', (SELECT 'x'), false)"]],
      ['by a query around it', ["SELECT * FROM (SELECT set_config('app.who', 'y', false)) AS q"]],
      ['undone by RESET ALL', ["SELECT act('a')", 'RESET ALL']],
      ['undone by DISCARD ALL', ["SELECT act('a')", 'DISCARD ALL']],
    ]
    it.each(kinds)('%s', async (_name, steps) => {
      const plain = new pg.Client({ connectionString: url })
      await plain.connect()
      for (const step of steps) await plain.query(step as string)
      const { rows } = await plain.query(all)
      await plain.end()
      const shown = rows[0]
      await withThrowaway(url, async (client) => {
        for (const step of steps) await ways[way](client, step)
        // It is asked by now: what comes next had to wait for it.
        await client.query('SELECT 1')
        for (let i = 0; i < 2; i++) {
          await kill(server, client)
          const { rows: again } = await client.query(all)
          expect(again[0]).toEqual({ ...shown, who: shown.who || again[0].who })
          expect(again[0].who ?? '').toBe(shown.who ?? '')
        }
      })
    })

    const anchors: [string, Step[], boolean][] = [
      ['a lock by a function', ['SELECT lock_it(1)'], true],
      ['a lock by DO', ['DO $$BEGIN PERFORM pg_advisory_lock(2); END$$'], true],
      ['a lock, rolled back', ['BEGIN', 'SELECT pg_advisory_lock(3)', 'ROLLBACK'], true],
      ['a temporary table by a function', ['SELECT stage()'], true],
      ['a temporary table', ['CREATE TEMP TABLE t (a int)'], true],
      ['one ON COMMIT DROP', ['BEGIN', 'CREATE TEMP TABLE t () ON COMMIT DROP', 'COMMIT'], false],
      ['one ON COMMIT DROP by a function', ['SELECT drop_it()'], false],
      ['one that was dropped', ['CREATE TEMP TABLE t ()', 'DROP TABLE IF EXISTS pg_temp.t'], false],
      ['one that was rolled back', ['BEGIN', 'CREATE TEMP TABLE t ()', 'ROLLBACK'], false],
      ['DISCARD TEMP', ['SELECT stage()', 'DISCARD TEMP'], false],
      [
        'lock and unlock, written otherwise',
        [
          'SELECT pg_advisory_lock(4::bigint)',
          { text: 'SELECT pg_advisory_unlock($1)', values: [4] },
        ],
        false,
      ],
      [
        'two locks, one unlocked',
        ['SELECT pg_advisory_lock(5), pg_advisory_lock(6)', 'SELECT pg_advisory_unlock(6)'],
        true,
      ],
      [
        'a lock in a branch not taken',
        ['SELECT CASE WHEN false THEN pg_try_advisory_lock(9) END'],
        false,
      ],
      ['a lock of the transaction', ['BEGIN', 'SELECT pg_advisory_xact_lock(8)', 'COMMIT'], false],
      ['a cursor WITH HOLD', ['DECLARE c CURSOR WITH HOLD FOR SELECT 1'], true],
      ['a seed by setseed()', ['SELECT setseed(0.5)'], true],
      ['a seed by SET', ['SET seed = 0.5'], true],
      ['a seed, rolled back', ['BEGIN', 'SELECT setseed(0.5)', 'ROLLBACK'], true],
      ['a temporary type', ["CREATE TYPE pg_temp.mood AS ENUM ('glad')"], true],
      ['a temporary domain', ['SET search_path = pg_temp', 'CREATE DOMAIN d AS int'], true],
      ['a temporary function', ['CREATE FUNCTION pg_temp.f() RETURNS int RETURN 1'], true],
      ['a temporary collation', ["CREATE COLLATION pg_temp.c (locale = 'C')"], true],
      [
        'a temporary operator',
        ['CREATE OPERATOR pg_temp.### (RIGHTARG = int, FUNCTION = int4um)'],
        true,
      ],
      [
        'a temporary configuration',
        ['CREATE TEXT SEARCH CONFIGURATION pg_temp.t (copy = simple)'],
        true,
      ],
      ['one that was closed', ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'CLOSE c'], false],
    ]
    it.each(anchors)('anchored or not: %s', async (_name, steps, anchored) => {
      await withThrowaway(url, async (client) => {
        for (const step of steps) await ways[way](client, step)
        await client.query('SELECT 1')
        await kill(server, client)
        const next = client.query('SELECT 1 AS one')
        if (anchored) expect(await failure(next)).toMatchObject({ reason: 'anchored' })
        else expect((await next).rows).toEqual([{ one: 1 }])
      })
    })

    it('a try-lock that somebody else holds anchors nothing', async () => {
      const other = new pg.Client({ connectionString: url })
      await other.connect()
      await other.query('SELECT pg_advisory_lock(77)')
      await withThrowaway(url, async (client) => {
        await ways[way](client, { text: 'SELECT pg_try_advisory_lock($1)', values: [77n] })
        await client.query('SELECT 1')
        await kill(server, client)
        expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      })
      await other.end()
    })

    it.each([
      ['ROLLBACK', ['BEGIN', 'SET search_path = far', prepare, 'ROLLBACK']],
      [
        'ROLLBACK TO',
        ['BEGIN', 'SAVEPOINT s', 'SET search_path = far', prepare, 'ROLLBACK TO s', 'COMMIT'],
      ],
    ])('a statement that was prepared under a search_path undone by %s', async (_name, steps) => {
      await withThrowaway(url, async (client) => {
        for (const step of steps) await ways[way](client, step)
        await client.query('SELECT 1')
        await kill(server, client)
        expect((await client.query('SELECT own FROM place')).rows).toEqual([{ own: 'near' }])
        // As in PostgreSQL, whose plans follow the search_path of the moment.
        expect(await failure(client.query('EXECUTE there'))).toMatchObject({ code: '42P01' })
        await client.query('SET search_path = far')
        expect((await client.query('EXECUTE there')).rows).toEqual([{ own: 'far' }])
      })
    })

    it.each([
      ['a body in SQL', 'SELECT act_atomic()', 'atomic.own'],
      ['a name in dollars', 'SELECT act_dollars()', 'dollars.own'],
    ])('a setting of a function that has %s', async (_what, step, name) => {
      await withThrowaway(url, async (client) => {
        await ways[way](client, step)
        await client.query('SELECT 1')
        await kill(server, client)
        const { rows } = await client.query('SELECT current_setting($1, true) AS value', [name])
        expect(rows).toEqual([{ value: 'kept' }])
      })
    })
    it('a statement that SQL prepared in a function', async () => {
      await withThrowaway(url, async (client) => {
        await ways[way](client, 'SELECT keep_plan()')
        await client.query('SELECT 1')
        await kill(server, client)
        expect((await client.query('EXECUTE plan')).rows).toEqual([{ five: 5 }])
      })
    })
  },
)

describe('what the session asks', () => {
  it('costs an ordinary statement nothing once it is known', async () => {
    await withThrowaway(url, async (client) => {
      for (let i = 0; i < 40; i++) await client.query('INSERT INTO item VALUES ($1)', [i])
      const count = async (): Promise<number> => {
        const [row] = await server.sql(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_listening_channels%'`,
          [pidOf(client)],
        )
        return (row as { n: number }).n
      }
      await client.query('INSERT INTO item VALUES ($1)', [0])
      expect(await count()).toBe(0)
    })
  })
  it('does not come in the way of end()', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    await client.query('SELECT stage()')
    client.release(true)
    await pool.end()
  })
})

describe('the holder of an anchor', () => {
  it('hears at once that it is lost, and is told again by the next statement', async () => {
    await withThrowaway(url, async (client) => {
      const errors: unknown[] = []
      client.on('error', (error) => errors.push(error))
      await client.query('SELECT pg_advisory_lock(50)')
      await client.query('SELECT 1')
      await kill(server, client)
      await until(() => errors.length === 1)
      expect(errors[0]).toMatchObject({ code: '57P01', reason: 'anchored', outcome: 'not-sent' })
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
      expect(errors).toHaveLength(1)
    })
  })
  it('that has no listener does not crash, and is told by the next statement', async () => {
    await withThrowaway(url, async (client) => {
      await client.query('SELECT pg_advisory_lock(51)')
      await client.query('SELECT 1')
      await kill(server, client)
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    })
  })
  it('is nobody while the session lies in its pool, which goes on in silence', async () => {
    const pool = poolOn(url)
    const errors: unknown[] = []
    pool.on('error', (error) => errors.push(error))
    const client = await pool.connect()
    await client.query('SELECT pg_advisory_lock(52)')
    await client.query('SELECT 1')
    client.release()
    await kill(server, client)
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(errors).toEqual([])
    await pool.end()
  })
})

it('an anchor that went with a session in its pool is not told of, although its loss was not heard of yet', async () => {
  const pool = poolOn(url)
  const client = await pool.connect()
  await client.query('SELECT pg_advisory_lock(53)')
  await client.query('SELECT 1')
  client.release()
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } })
    .connection
  stream.destroy()
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await pool.end()
})

describe('a session whose state cannot be made again', () => {
  it('runs nothing, by statement or by query object, for as long as that is so', async () => {
    await server.sql('CREATE ROLE passing')
    await withThrowaway(url, async (client) => {
      await client.query("SET app.who = 'a'")
      await client.query('SET ROLE passing')
      await kill(server, client)
      await server.sql('DROP ROLE passing')
      for (let i = 0; i < 3; i++) {
        expect(await failure(client.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
        expect(await failure(ways["a query of the caller's"](client, 'SELECT 1'))).toMatchObject({
          reason: 'anchored',
        })
      }
      await server.sql('CREATE ROLE passing')
      expect((await client.query('SELECT current_user::text AS me')).rows).toEqual([
        { me: 'passing' },
      ])
    })
    await server.sql('DROP ROLE passing')
  })
  it('is not handed on by its pool, once that has been seen', async () => {
    await server.sql('CREATE ROLE passed')
    const pool = poolOn(url)
    const first = await pool.connect()
    await first.query('SET ROLE passed')
    first.release()
    await kill(server, first)
    await server.sql('DROP ROLE passed')
    const second = await pool.connect()
    expect(await failure(second.query('SELECT 1'))).toMatchObject({ reason: 'anchored' })
    second.release()
    const third = await pool.connect()
    expect((await third.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    third.release()
    await pool.end()
  })
})

describe('a transaction that was committed although its reply was lost', () => {
  const make: [string, string, string | undefined][] = [
    ['SET', "SET app.who = 'kept'", 'kept'],
    ['a function that sets', "SELECT act('kept')", undefined],
    ['a lock', 'SELECT pg_advisory_lock(60)', undefined],
    ['a lock by a function', 'SELECT lock_it(61)', undefined],
    ['a temporary table', 'CREATE TEMP TABLE late (a int)', undefined],
  ]
  it.each(make)(
    'has left %s behind: it is there for the next statement, or that one is told',
    async (_name, text, value) => {
      await using link = await proxied(server)
      const admin = new pg.Client({ connectionString: link.direct })
      await admin.connect()
      await admin.query(`CREATE TABLE item (id int);
      CREATE FUNCTION act(who text) RETURNS void LANGUAGE plpgsql AS
        $$BEGIN PERFORM set_config('app.who', who, false); END$$;
      CREATE FUNCTION lock_it(n int) RETURNS boolean LANGUAGE plpgsql AS
        $$BEGIN RETURN pg_try_advisory_lock(n); END$$`)
      await admin.end()
      await withThrowaway(link.url, async (client) => {
        let done = false
        link.proxy.onFrame((frame: Frame) => {
          if (done || frame.from !== 'server' || frame.type !== 'C' || frame.text !== 'COMMIT')
            return 'pass'
          done = true
          return 'cut'
        })
        await client.query('BEGIN')
        await client.query(text)
        await client.query('INSERT INTO item VALUES (1)')
        expect((await client.query('COMMIT')).command).toBe('COMMIT')
        expect(done).toBe(true)
        const next = client.query("SELECT current_setting('app.who', true) AS who")
        if (value === undefined) expect(await failure(next)).toMatchObject({ reason: 'anchored' })
        else expect((await next).rows).toEqual([{ who: value }])
      })
    },
  )
})
