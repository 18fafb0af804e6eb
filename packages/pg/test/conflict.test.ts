import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { failure, listen, poolOn } from './support.ts'

let primary: Server
let standby: Server
let pool: pg.Pool

beforeAll(async () => {
  primary = await Server.start({ settings: { autovacuum: 'off' } })
  await primary.sql(`CREATE TABLE item (id int, note text);
 CREATE FUNCTION raising() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
 RAISE EXCEPTION 'mine' USING ERRCODE = 'serialization_failure'; END $$`)
  const settings = { max_standby_streaming_delay: '100ms', hot_standby_feedback: 'off' }
  standby = await primary.standby({ settings })
}, 120_000)
afterAll(() => Promise.all([primary?.dispose(), standby?.dispose()]))
afterEach(() => pool.end())

/** Waits until the standby has all that the primary wrote. */
async function followed(): Promise<void> {
  const [written] = await primary.sql('SELECT pg_current_wal_lsn()::text AS lsn')
  const caughtUp = async (): Promise<unknown> =>
    (await standby.sql('SELECT pg_last_wal_replay_lsn() >= $1 AS yes', [written?.lsn]))[0]?.yes
  await until(caughtUp, { what: 'the standby to follow' })
}

/** 2000 rows, of which the first three stay for ever. */
async function filled(): Promise<void> {
  await primary.sql("TRUNCATE item; INSERT INTO item SELECT i, 'x' FROM generate_series(1, 2000) i")
  await followed()
}

/** Each leaves as many rows as there were, at every moment. */
const conflicts: [string, () => Promise<unknown>][] = [
  [
    'a VACUUM',
    async () => {
      await primary.sql(
        "DELETE FROM item WHERE id > 3; INSERT INTO item SELECT i, 'y' FROM generate_series(4, 2000) i",
      )
      await primary.sql('VACUUM item')
    },
  ],
  [
    'a lock',
    // No TRUNCATE: to a snapshot from before it the table is empty afterwards.
    () => primary.sql("BEGIN; LOCK item; UPDATE item SET note = 'y'; COMMIT"),
  ],
]

/** A read that sleeps where no conflict has left its mark yet, its snapshot taken. */
const slowly = `SELECT (SELECT pg_sleep(CASE WHEN max(note) = 'x' THEN 50 ELSE 0 END)::text FROM item) AS slept,
 count(*)::int AS n FROM item`

/** Waits until that read runs. */
async function running(): Promise<void> {
  const active = (): Promise<unknown[]> =>
    standby.sql(
      "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid <> pg_backend_pid()",
    )
  await until(async () => (await active()).length > 0, { what: 'the read to run' })
}

/** How often recovery has cancelled something. */
async function cancelled(): Promise<number> {
  const [row] = await standby.sql(
    "SELECT confl_snapshot + confl_lock AS n FROM pg_stat_database_conflicts WHERE datname = 'postgres'",
  )
  return Number(row?.n)
}

describe.each(conflicts)('a read that a standby cancels for %s', (_name, conflict) => {
  it('in autocommit is executed again, on the same connection', async () => {
    await filled()
    const before = await cancelled()
    using reconnected = listen('reprise:reconnect')
    using recoveries = listen('reprise:recovery')
    pool = poolOn(standby.url)
    const read = pool.query(slowly)
    await running()
    await conflict()
    expect((await read).rows).toEqual([{ slept: '', n: 2000 }])
    expect(reconnected.seen).toEqual([])
    expect(recoveries.seen).toMatchObject([
      { sqlstate: '40001', by: 'repeat', outcome: 'rolled-back' },
    ])
    await until(async () => (await cancelled()) > before, { what: 'the conflict to be counted' })
  })
  it('in a transaction is replayed with it', async () => {
    await filled()
    pool = poolOn(standby.url)
    const client = await pool.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT id FROM item WHERE id <= 3 ORDER BY id')
    using replayed = listen('reprise:replay')
    const read = client.query(slowly)
    await running()
    await conflict()
    expect((await read).rows).toEqual([{ slept: '', n: 2000 }])
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect(replayed.seen).toMatchObject([{ diverged: false }])
    client.release()
  })
  it('in a transaction that is not to be replayed is told by the server itself', async () => {
    await filled()
    pool = poolOn(standby.url, { replay: 'off' })
    const client = await pool.connect()
    await client.query('BEGIN')
    const read = failure(client.query(slowly))
    await running()
    await conflict()
    expect(await read).toMatchObject({ name: 'error', code: '40001', file: 'postgres.c' })
    await client.query('ROLLBACK')
    client.release()
  })
  it('between its statements is named for what it is, and replayed', async () => {
    await filled()
    pool = poolOn(standby.url)
    const client = await pool.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT id FROM item WHERE id <= 3 ORDER BY id')
    using lost = listen('reprise:loss')
    await conflict()
    await until(() => lost.seen.length > 0, { what: 'the session to be ended' })
    expect(lost.seen).toMatchObject([
      { condition: 'serialization_failure', sqlstate: '40001', evidence: 'frame', idle: true },
    ])
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    client.release()
  })
})

describe('what is not done again', () => {
  it('a read that is cancelled every time: the error says what to change', async () => {
    await filled()
    pool = poolOn(standby.url)
    const client = await pool.connect()
    const read = client.query('SELECT pg_sleep(50)::text, count(*) FROM item')
    let over = false
    const error = failure(read).finally(() => {
      over = true
    })
    const [, conflict] = conflicts[1] as (typeof conflicts)[1]
    while (!over) {
      await Promise.race([running(), error])
      await conflict()
      await Promise.race([followed(), error])
    }
    expect(await error).toMatchObject({
      code: '40001',
      outcome: 'rolled-back',
      reason: 'conflict',
      attempts: 4,
      cause: { code: '40001', file: 'postgres.c' },
    })
    client.release()
  })
  it('a serialization failure of the application’s own, which somebody raises on a standby', async () => {
    await followed()
    pool = poolOn(standby.url)
    expect(await failure(pool.query('SELECT raising()'))).toMatchObject({
      name: 'error',
      code: '40001',
      file: 'pl_exec.c',
    })
  })
  it('a serialization failure on a primary', async () => {
    await primary.sql('CREATE TABLE IF NOT EXISTS s (a int); TRUNCATE s; INSERT INTO s VALUES (1)')
    pool = poolOn(primary.url, {}, { max: 2 })
    const [one, two] = [await pool.connect(), await pool.connect()]
    for (const client of [one, two]) {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      await client.query('SELECT a FROM s')
    }
    await one.query('UPDATE s SET a = 2')
    await one.query('COMMIT')
    expect(await failure(two.query('UPDATE s SET a = 3'))).toMatchObject({
      name: 'error',
      code: '40001',
    })
    await two.query('ROLLBACK')
    for (const client of [one, two]) client.release()
  })
  it('on a session that holds a lock which nobody could take again', async () => {
    await filled()
    pool = poolOn(standby.url)
    const client = await pool.connect()
    await client.query('SELECT pg_advisory_lock(1)')
    const read = failure(client.query(slowly))
    await running()
    await (conflicts[1] as (typeof conflicts)[1])[1]()
    expect(await read).toMatchObject({ name: 'error', code: '40001', file: 'postgres.c' })
    expect((await client.query("SELECT FROM pg_locks WHERE locktype = 'advisory'")).rowCount).toBe(
      1,
    )
    client.release()
  })
})
